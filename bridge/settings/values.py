"""How one environment variable is read, checked and shown: types for the fields of Settings."""

import difflib
import re
import socket
from collections.abc import Collection, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretStr

from bridge.addresses import check_url
from bridge.destinations import Destinations
from bridge.durations import (
    JOIN_TIMEOUT_RANGE_S,
    MAX_DURATION_RANGE_S,
    REJOIN_GRACE_RANGE_S,
    TOKEN_TTL_RANGE_S,
    parse_duration_s,
    within,
    write_duration,
)

_HOST_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}")
# Kubernetes sets such variables in every pod beside a service that is called mediabridge.
_KUBERNETES_NAME: Final = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)")
_KUBERNETES_URL: Final = re.compile(r"(tcp|udp|sctp)://.*")
# Read by the demo, the tests, client commands and the gateway: no settings of the server's, but no
# mistake.
_READ_BY_OTHERS: Final = re.compile(
    r"API_KEY|API_KEY_FILE|CLIENT_CERT|CLIENT_KEY|SERVER_CA"
    r"|BIN|GRPCURL|PROMETHEUS|TEST_EFFORT|LIVEKIT_SERVER|NO_SKIPS|GATEWAY_\w+"
)
# livekit-server refuses shorter ones: HS256 wants 256 bits.
_MIN_SECRET_CHARS: Final = 32


def unknown_names(given: Mapping[str, str], known: Collection[str], prefix: str) -> dict[str, str]:
    """Return what is wrong with variables of our prefix that do not exist: likely misspelt."""
    ours = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    problems: dict[str, str] = {}
    for name in sorted(name for name in given.keys() - set(known) if name.startswith(prefix)):
        if _READ_BY_OTHERS.fullmatch(name.removeprefix(prefix)):
            continue
        if _KUBERNETES_NAME.fullmatch(name) or _KUBERNETES_URL.fullmatch(given[name]):
            continue
        near = difflib.get_close_matches(name.removeprefix(prefix), ours, n=1)
        problems[name] = "is unknown" + (f"; did you mean {prefix}{near[0]}?" if near else "")
    return problems


def shown(name: str, value: object) -> str:
    """Return a value for people; of a secret only whether there is one."""
    match value:
        case None:
            return "not set"
        case SecretStr():
            return "set"
        case bool():
            return str(value).lower()
        case int() | float() if name.endswith("_s"):
            return write_duration(value)
    return str(value)


def host_name() -> str:
    return socket.gethostname()


def _lower(word: object) -> object:
    return word.lower() if isinstance(word, str) else word


def _listed(destinations: str) -> str:
    Destinations(destinations)
    return destinations


def _http_url(url: str) -> str:
    return check_url(url, frozenset({"http", "https"}))


def _host_id(host_id: str) -> str:
    if not _HOST_ID.fullmatch(host_id):
        raise ValueError('must be letters, digits, "_", "-" and ".", at most 128')
    return host_id


def _unspaced(secret: SecretStr) -> SecretStr:
    if re.search(r"\s", secret.get_secret_value()):
        raise ValueError("must not contain spaces or line ends")
    return secret


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret) < _MIN_SECRET_CHARS:
        raise ValueError(f"must be at least {_MIN_SECRET_CHARS} characters, as LiveKit requires")
    return secret


_DAY_S: Final = 86_400.0

Seconds = Annotated[float, BeforeValidator(parse_duration_s)]
UpToADay = Annotated[Seconds, AfterValidator(within((0.0, _DAY_S)))]
WorkerSilence = Annotated[Seconds, AfterValidator(within((0.5, 60.0)))]
JoinTimeout = Annotated[Seconds, AfterValidator(within(JOIN_TIMEOUT_RANGE_S))]
MaxDuration = Annotated[Seconds, AfterValidator(within(MAX_DURATION_RANGE_S))]
RejoinGrace = Annotated[Seconds, AfterValidator(within(REJOIN_GRACE_RANGE_S))]
TokenTtl = Annotated[Seconds, AfterValidator(within(TOKEN_TTL_RANGE_S))]
# An integer, because LiveKit takes whole seconds.
RoomEmptyTimeout = Annotated[
    int, BeforeValidator(parse_duration_s), AfterValidator(within((1.0, _DAY_S)))
]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Url = Annotated[str, AfterValidator(check_url)]
Secret = Annotated[SecretStr, AfterValidator(_unspaced)]
LiveKitSecret = Annotated[Secret, AfterValidator(_long_enough)]
ListedDestinations = Annotated[str, AfterValidator(_listed)]
HostId = Annotated[str, AfterValidator(_host_id)]
AnyCase = BeforeValidator(_lower)
