"""Tools that HTTP endpoints execute, on servers that an operator has listed."""

from typing import Final, Self

import aiohttp
from yarl import URL

from bridge.destinations import DestinationRefused, Destinations
from bridge.listed_http import listed_session
from bridge.ports.clock import Clock
from bridge.ports.tool import (
    MAX_OUTPUT_BYTES,
    HttpExecution,
    ToolFailure,
    ToolInvocation,
    ToolOutcome,
)
from bridge.tool_secrets import SecretMissing, Secrets
from bridge.tools.arguments import UnusableArguments
from bridge.tools.failures import OUTPUT_TOO_LARGE, TIMEOUT, invalid_result, not_set_up, unusable
from bridge.tools.http_request import Request, request_for
from bridge.tools.http_response import outcome_of

# A server that is there takes a connection at once; the tool's time is better spent on its answer.
_CONNECT_WITHIN_S: Final = 5.0
_HEADERS: Final = {
    "User-Agent": "mediabridge",
    "Accept": "application/json, text/plain",
    # What is small when it comes and large when it is unpacked would get past the limit.
    "Accept-Encoding": "identity",
}


class HttpTools:
    """Calls endpoints. Entering opens a pool of connections, leaving closes it."""

    def __init__(self, destinations: Destinations, secrets: Secrets, clock: Clock) -> None:
        self._destinations = destinations
        self._secrets = secrets
        self._clock = clock

    async def __aenter__(self) -> Self:
        self._session = listed_session(self._destinations, _HEADERS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def execute(self, execution: HttpExecution, invocation: ToolInvocation) -> ToolOutcome:
        """Send one request, and wait until the invocation's deadline.

        It is sent again only where its method may be repeated, and the connection broke.
        """
        try:
            request = request_for(execution, invocation, self._secrets)
            return await self._sent(request, self._left_s(invocation))
        except UnusableArguments as wrong:
            return unusable(wrong)
        except SecretMissing as missing:
            return not_set_up("misconfigured", f"{missing} is not set")
        except DestinationRefused as refused:
            return not_set_up("not_allowed", str(refused))
        except aiohttp.ConnectionTimeoutError as error:
            return _unreachable(error)
        except TimeoutError:
            return TIMEOUT
        except (aiohttp.ClientError, OSError) as error:
            return _unreachable(error)

    def _left_s(self, invocation: ToolInvocation) -> float:
        return max(0.0, (invocation.deadline - self._clock.now()).total_seconds())

    async def _sent(self, request: Request, within_s: float) -> ToolOutcome:
        url = URL(request.url, encoded=True)
        # The resolver sees names only, not what is an address already.
        self._destinations.check_host(url.host or "", url.port or 0)
        async with (
            self._clock.timeout(within_s),
            self._session.request(
                request.method,
                url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_WITHIN_S),
            ) as response,
        ):
            if response.headers.get("Content-Encoding", "identity") != "identity":
                return invalid_result("the response is compressed, although nobody asked for it")
            body = await _read(response)
            if body is None:
                return OUTPUT_TOO_LARGE
            return outcome_of(response.status, response.content_type, body)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Return the body; None: it is too large, and the rest is left unread."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_OUTPUT_BYTES:
            return None
    return bytes(body)


def _unreachable(error: aiohttp.ClientError | OSError) -> ToolFailure:
    refused = getattr(error, "os_error", None)
    if isinstance(refused, DestinationRefused):
        return not_set_up("not_allowed", str(refused))
    # Its text may quote what was sent.
    return ToolFailure(
        "http_unreachable",
        "The service cannot be reached.",
        type(error).__name__,
        undone=isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError),
    )
