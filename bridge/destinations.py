"""Which servers tools may be run on: names and networks that an operator has listed, no others.

A name that is listed may stand for public addresses only; where it stands for others, their network
is listed, too. Otherwise whoever controls a name's records could point it at our own network.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_DEFAULT_PORT: Final = 443
_MAX_PORT: Final = 65_535
_ENTRY: Final = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\](?:/\d+)?|[^\[\]:\s]+)(?::(?P<port>\d{1,5}))?"
)
_NAME: Final = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_\-]{0,62})\.?)+")
# Its last 32 bits are an IPv4 address that a gateway will connect to.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class DestinationRefused(OSError):
    """Nobody has listed this server. An OSError, for that is what connecting may raise."""


@dataclass(frozen=True, slots=True)
class _Name:
    name: str
    port: int

    def covers(self, host: str, port: int) -> bool:
        if port != self.port:
            return False
        if self.name.startswith("*."):
            return host.endswith(self.name[1:])
        return host == self.name


@dataclass(frozen=True, slots=True)
class _Net:
    network: Network
    port: int

    def covers(self, address: Address, port: int) -> bool:
        return port == self.port and address in self.network


class Destinations:
    """A list such as `api.example.com, *.example.org:8443, 10.1.0.0/16:8080, [::1]:9000`."""

    def __init__(self, listed: str = "") -> None:
        """
        :raises ValueError: an entry is none; the message says which.
        """
        entries = [_entry(text) for text in re.split(r"[\s,]+", listed) if text]
        self._names = tuple(entry for entry in entries if isinstance(entry, _Name))
        self._nets = tuple(entry for entry in entries if isinstance(entry, _Net))

    def check_host(self, host: str, port: int) -> None:
        """Check what stands in a URL, before anything is looked up.

        :raises DestinationRefused: it is not listed.
        """
        host = host.lower().removesuffix(".")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            if any(name.covers(host, port) for name in self._names):
                return
        else:
            if self._is_listed(address, port):
                return
        raise DestinationRefused(f"{host}:{port} is not listed")

    def permitted(self, addresses: Iterable[str], port: int) -> list[str]:
        """Return those addresses of a listed name that may be connected to.

        :raises DestinationRefused: there are none.
        """
        found = [
            written
            for written in addresses
            if _is_public(address := ipaddress.ip_address(written))
            or self._is_listed(address, port)
        ]
        if not found:
            raise DestinationRefused("the name stands for addresses whose networks are not listed")
        return found

    def _is_listed(self, address: Address, port: int) -> bool:
        return any(net.covers(address, port) for net in self._nets)


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _entry(text: str) -> _Name | _Net:
    found = _ENTRY.fullmatch(text)
    port = int(found["port"] or _DEFAULT_PORT) if found else 0
    if found is None or not 0 < port <= _MAX_PORT:
        raise ValueError(
            f"{text!r} is no entry: a name, an address or a network, and a port where it is not 443"
        )
    host = found["host"].lower()
    try:
        return _Net(ipaddress.ip_network(re.sub(r"[\[\]]", "", host)), port)
    except ValueError as error:
        # A last label of digits is an address that is none, such as 10.0.0.300.
        if not _NAME.fullmatch(host) or host.rpartition(".")[2].isdigit():
            raise ValueError(f"{text!r} is no name, address or network") from error
        return _Name(host.removesuffix("."), port)


def _is_public(address: Address) -> bool:
    inner = _embedded(address)
    if inner is not None:
        return _is_public(inner)
    return address.is_global and not address.is_multicast


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.teredo[1] if address.teredo else None
