"""Who wants webhooks? A file that an operator keeps: of each tenant, its endpoints."""

from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo

from bridge.destinations import DestinationRefused, Destinations
from bridge.files.checked import BadFile, Part, check, mapping_in, problem_at, tree_of
from bridge.files.watched import WatchedFile
from bridge.ids import TenantId
from bridge.messages.webhook_json import EVENT_KINDS
from bridge.webhooks.signing import key_of

_DEFAULT_PORT: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a tenant's events go."""

    name: str
    url: str
    key: bytes = field(repr=False)
    kinds: frozenset[str] = frozenset()
    """Empty: all."""
    on_request: bool = False
    """It is sent events of those calls alone that ask for it by its name."""

    def wants(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds

    def serves(self, asked: frozenset[str] | None) -> bool:
        """Return whether it is for a call that asks for these endpoints; None: for no certain."""
        return not self.on_request if asked is None else self.name in asked


def _url(url: str, info: ValidationInfo) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in _DEFAULT_PORT or not host or not (url.isascii() and url.isprintable()):
        raise ValueError("must begin with https:// or http:// and a host")
    if "@" in parts.netloc or parts.fragment or " " in url:
        raise ValueError("must not hold a user, a password, a fragment or a space")
    destinations = info.context if isinstance(info.context, Destinations) else Destinations()
    try:
        destinations.check_host(host, port or _DEFAULT_PORT[parts.scheme])
    except DestinationRefused as refused:
        raise ValueError(f"{refused} in MEDIABRIDGE_WEBHOOK_ALLOW") from None
    return url


def _secret(secret: str) -> str:
    key_of(secret)
    return secret


def _kind(kind: str) -> str:
    if kind not in EVENT_KINDS:
        raise ValueError(f"is no kind of event; there are {', '.join(sorted(EVENT_KINDS))}")
    return kind


_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]


class EndpointPart(Part):
    """One endpoint."""

    name: _Name
    url: Annotated[str, Field(max_length=2_048), AfterValidator(_url)]
    secret: Annotated[str, Field(repr=False), AfterValidator(_secret)]
    events: list[Annotated[str, AfterValidator(_kind)]] = Field(default_factory=list)
    on_request: bool = False

    def endpoint(self) -> Endpoint:
        key, kinds = key_of(self.secret), frozenset(self.events)
        return Endpoint(self.name, self.url, key, kinds, self.on_request)


class WebhookFile(Part):
    """The file of webhooks; "" is the tenant of calls that have none."""

    tenants: dict[Annotated[str, Field(max_length=128)], list[EndpointPart]]


class EndpointTable:
    """One version of a file, or none."""

    def __init__(self, of_tenants: dict[TenantId, tuple[Endpoint, ...]] | None = None) -> None:
        self._of_tenants = of_tenants or {}
        self._by_name = {one.name: one for some in self._of_tenants.values() for one in some}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EndpointTable) and other._of_tenants == self._of_tenants

    def __hash__(self) -> int:
        return hash(frozenset(self._by_name))

    def of(self, tenant_id: TenantId) -> tuple[Endpoint, ...]:
        return self._of_tenants.get(tenant_id, ())

    def named(self, name: str) -> Endpoint | None:
        return self._by_name.get(name)


class FileEndpoints:
    """What a file says now."""

    def __init__(self, file: WatchedFile[EndpointTable]) -> None:
        self._file = file

    def of(self, tenant_id: TenantId) -> tuple[Endpoint, ...]:
        return self._file.value.of(tenant_id)

    def named(self, name: str) -> Endpoint | None:
        return self._file.value.named(name)

    def names(self, tenant_id: TenantId) -> frozenset[str]:
        return frozenset(one.name for one in self.of(tenant_id))


def read_endpoints(file: str, raw: bytes, destinations: Destinations) -> EndpointTable:
    """
    :raises BadFile: with every problem that can be told at once.
    """
    tree = tree_of(file, raw)
    mapping_in(file, tree, "tenants: {acme: [{name: ..., url: ..., secret: ...}]}")
    read = check(file, tree, WebhookFile, destinations)
    names: set[str] = set()
    for tenant, parts in read.tenants.items():
        for index, part in enumerate(parts):
            if part.name in names:
                place = ("tenants", tenant, index, "name")
                # What is kept of deliveries is kept by name.
                raise BadFile([problem_at(file, tree, place, "is another endpoint's, too")])
            names.add(part.name)
    return EndpointTable(
        {
            TenantId(tenant): tuple(part.endpoint() for part in parts)
            for tenant, parts in read.tenants.items()
        }
    )
