"""How are servers and secrets written in an agent's file: URLs, headers, variables?"""

import re
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo

from bridge.agents.prompt import Known
from bridge.agents.surroundings import Surroundings
from bridge.destinations import DestinationRefused
from bridge.redaction import is_sensitive
from bridge.tool_secrets import PREFIX, is_name, references

_MAX_URL_CHARS: Final = 2_048
_MAX_VALUE_CHARS: Final = 4_096
_MAX_ENTRIES: Final = 20
_DEFAULT_PORT: Final = {"http": 80, "https": 443}

_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# They say how a request is sent, which is not the file's to say.
_OURS: Final = frozenset(
    {"host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding"}
)


def surroundings_of(info: ValidationInfo) -> Surroundings:
    known = info.context if isinstance(info.context, Known) else Known()
    return known.surroundings


def _url(url: str, info: ValidationInfo) -> str:
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("must be a URL of printable ASCII characters; write others as %XX")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in _DEFAULT_PORT or not host:
        raise ValueError("must begin with https:// or http:// and a host")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("must not hold a user, a password or a fragment")
    if "{" in parts.netloc:
        raise ValueError("must not have a placeholder in its host or port")
    try:
        surroundings_of(info).destinations.check_host(host, port or _DEFAULT_PORT[parts.scheme])
    except DestinationRefused as refused:
        raise ValueError(f"{refused} in MEDIABRIDGE_TOOL_HTTP_ALLOW") from None
    return url


def _headers(headers: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("names a header twice")
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            raise ValueError(f"{name[:64]!r} is no header's name")
        if name.lower() in _OURS or name.lower().startswith("mediabridge-"):
            raise ValueError(f"{name} is set by the bridge")
        if not value.isascii():
            raise ValueError(f"{name} must be ASCII")
    return _checked_values(headers, info)


def _environment(variables: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    for name in variables:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name[:64]!r} is no variable's name")
    return _checked_values(variables, info)


def _checked_values(values: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    """Check what stands beside names: no secret in clear, and none that is not there."""
    if len(values) > _MAX_ENTRIES:
        raise ValueError(f"at most {_MAX_ENTRIES} entries")
    for name, value in values.items():
        if not value.isprintable() or len(value) > _MAX_VALUE_CHARS:
            raise ValueError(
                f"{name} must be one line of at most {_MAX_VALUE_CHARS} printable characters"
            )
        _check_references(name, value, surroundings_of(info))
    return values


def _check_references(name: str, value: str, surroundings: Surroundings) -> None:
    named = references(value)
    if not named and is_sensitive(name):
        raise ValueError(
            f"{name} sounds like a secret, which may not stand in a file: use ${{{PREFIX}…}}"
        )
    for reference in named:
        if not is_name(reference):
            raise ValueError(f"{name}: a secret is ${{{PREFIX}…}}, in capitals, digits and _")
        if reference not in surroundings.secrets:
            raise ValueError(f"{name}: {reference} is not set in the environment")


Url = Annotated[str, Field(max_length=_MAX_URL_CHARS), AfterValidator(_url)]
Headers = Annotated[dict[str, str], AfterValidator(_headers)]
Environment = Annotated[dict[str, str], AfterValidator(_environment)]


def pairs(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return a mapping as something that can be hashed; its order means nothing."""
    return tuple(sorted(values.items()))
