"""HTTP for libraries that bring their own client: to listed servers only, and bounded."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Final

import httpx2

from bridge.destinations import Destinations, is_address

_LOOK_UP_WITHIN_S: Final = 5.0
# To say goodbye, which a server that is gone does not answer.
_CLOSE_WITHIN_S: Final = 2.0
# Many times the largest output. Of streams of events, each event is bounded by who reads them.
_MAX_BODY_BYTES: Final = 1024 * 1024
_EVENTS: Final = "text/event-stream"
_DEFAULT_PORT: Final = {"http": 80, "https": 443}


class ListedOnly(httpx2.AsyncBaseTransport):
    """Sends requests to listed servers only, at the addresses that were looked up and checked."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._transport = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """
        :raises DestinationRefused: the server is not listed.
        :raises httpx2.TransportError: nobody is there, or what comes back is unfit.
        """
        host = request.url.host
        port = request.url.port or _DEFAULT_PORT[request.url.scheme]
        failed = httpx2.ConnectError("nowhere to connect to")
        for address in await self._addresses(host, port):
            try:
                return _bounded(await self._transport.handle_async_request(_at(address, request)))
            except httpx2.ConnectError as error:
                failed = error
        raise failed

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def _addresses(self, host: str, port: int) -> list[str]:
        """
        :raises DestinationRefused: the server, or what its name stands for, is not listed.
        """
        self._destinations.check_host(host, port)
        if is_address(host):
            return [host]
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_LOOK_UP_WITHIN_S):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (TimeoutError, socket.gaierror) as error:
            raise httpx2.ConnectError("the name cannot be looked up") from error
        return self._destinations.permitted((str(one[4][0]) for one in found), port)


def _at(address: str, request: httpx2.Request) -> httpx2.Request:
    """Return the request for one address; its Host header and the certificate stay the name's."""
    extensions = {**request.extensions, "sni_hostname": request.url.host}
    if request.method == "DELETE":  # the goodbye
        extensions["timeout"] = httpx2.Timeout(_CLOSE_WITHIN_S).as_dict()
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions=extensions,
    )


def _bounded(response: httpx2.Response) -> httpx2.Response:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise httpx2.RemoteProtocolError("the response is compressed, although nobody asked for it")
    if not response.headers.get("Content-Type", "").startswith(_EVENTS):
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - for the types
        response.stream = _Bounded(response.stream)
    return response


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends in an error where it is too large."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._body:
            size += len(chunk)
            if size > _MAX_BODY_BYTES:
                raise httpx2.RemoteProtocolError("the response is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()
