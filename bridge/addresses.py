"""Which addresses can be listened on or connected to, and which stay on this machine."""

import ipaddress
import re
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_HOST_AND_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.\-]+)):([0-9]{1,5})")
_UNIX_SCHEME: Final = "unix:"
# sockaddr_un.sun_path is 108 bytes with its zero.
_MAX_UNIX_PATH_BYTES: Final = 107
_MAX_PORT: Final = 65_535
_WEBSOCKET_SCHEME: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_HTTP_SCHEME: Final = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


def is_local(address: str) -> bool:
    """Tell whether only processes of this machine can reach `host:port` or `unix:/path`.

    :raises ValueError: it is no such address.
    """
    if address.startswith(_UNIX_SCHEME):
        path = address.removeprefix(_UNIX_SCHEME)
        if not path.startswith("/") or len(path.encode()) > _MAX_UNIX_PATH_BYTES:
            raise ValueError(
                f"must be unix: and an absolute path of at most {_MAX_UNIX_PATH_BYTES} bytes"
            )
        return True
    try:
        host, _port = host_and_port(address)
    except ValueError as error:
        raise ValueError(f'{error} or "unix:/path"') from None
    return _stays_here(host)


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of `host:port`.

    :raises ValueError: it is no such address.
    """
    found = _HOST_AND_PORT.fullmatch(address)
    if found is None or int(found[3]) > _MAX_PORT:
        raise ValueError('must be "host:port" (IPv6 in brackets)')
    return found[1] or found[2], int(found[3])


def is_loopback(url: str) -> bool:
    """Tell whether a checked URL leads to this machine."""
    return _stays_here(urlsplit(url).hostname or "")


def check_url(url: str, schemes: AbstractSet[str] = frozenset(_WEBSOCKET_SCHEME)) -> str:
    """Return `url` without a slash at its end.

    :raises ValueError: it is no plain address of a server; the message never repeats it.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in schemes:
        raise ValueError(f"must begin with one of {', '.join(f'{s}://' for s in sorted(schemes))}")
    if not host or re.search(r"\s", url):
        raise ValueError("is not a URL with a host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must not hold a user, a password, a query or a fragment")
    return url.rstrip("/")


def as_websocket_url(url: str) -> str:
    """Return a checked URL as ws or wss, as LiveKit's clients want it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme=_WEBSOCKET_SCHEME[parts.scheme]))


def as_http_url(url: str) -> str:
    """Return a checked URL as http or https, as HTTP clients want it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme=_HTTP_SCHEME[parts.scheme]))


def _stays_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: only this one is sure to stay here
        return host.lower() == "localhost"
