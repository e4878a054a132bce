"""HTTP to servers that an operator has listed, and to no others."""

import socket
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.destinations import Destinations

_MOST_CONNECTIONS: Final = 100
_MOST_CONNECTIONS_TO_ONE: Final = 32


def listed_session(destinations: Destinations, headers: Mapping[str, str]) -> aiohttp.ClientSession:
    """Return a pool of connections to what may be connected to; to be closed.

    Whoever asks checks the host that stands in the URL: the resolver sees names only.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=_ListedOnly(destinations),
            use_dns_cache=False,
            limit=_MOST_CONNECTIONS,
            limit_per_host=_MOST_CONNECTIONS_TO_ONE,
        ),
        # One tenant's cookies are nothing to another's request.
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers=headers,
    )


class _ListedOnly(AbstractResolver):
    """Looks names up, and gives nothing to connect to but what may be connected to.

    What it returns is what is connected to: between the check and the connection nobody asks again.
    """

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        permitted = self._destinations.permitted((one["host"] for one in found), port)
        return [one for one in found if one["host"] in permitted]

    async def close(self) -> None:
        await self._resolver.close()
