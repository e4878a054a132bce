"""One MCP server: connected for as long as it is named, and asked every so often what it offers."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from mcp import Client, MCPError

from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.tool import (
    McpEndpoint,
    McpProgram,
    McpServer,
    OfferedTool,
    ToolFailure,
    ToolOutcome,
)
from bridge.tools.mcp_results import failure_of, is_session_over, offered, outcome_of

# Often enough to find a dead server before a caller does, seldom enough to cost nothing.
ASK_EVERY_S: Final = 30.0
FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 30.0
# Servers page their lists; one that never ends is cut off.
_MOST_PAGES: Final = 20

_log = get_logger(__name__)

Connect = Callable[[McpServer], AbstractAsyncContextManager[Client]]


class McpSession:
    """Entering and leaving a connection happens in the one task of `run`; calls come from any."""

    def __init__(self, server: McpServer, connect: Connect, clock: Clock) -> None:
        self._name = _shown(server)
        self._server = server
        self._connect = connect
        self._clock = clock
        self._client: Client | None = None
        self._offered: tuple[OfferedTool, ...] = ()
        self._in_doubt = asyncio.Event()

    @property
    def offered(self) -> Sequence[OfferedTool]:
        """What was offered when it was last asked, also while the connection is made anew."""
        return self._offered

    async def run(self) -> NoReturn:
        """Stay connected, until cancelled."""
        failures = 0
        while True:
            try:
                async with self._connect(self._server) as client:
                    self._client = client
                    while True:
                        await self._ask(client)
                        failures = 0
                        await self._wait()
            except Exception as error:  # noqa: BLE001 - the library raises whatever went wrong
                _log.warning("mcp server lost", server=self._name, error=_kind(error))
            finally:
                self._client = None
            if _is_cancelled():
                # An error that came at the same time has taken our cancellation's place.
                raise asyncio.CancelledError
            await self._clock.sleep(min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(failures, 10)))
            failures += 1

    async def call(self, tool: str, arguments: dict[str, Any], within_s: float) -> ToolOutcome:
        """Call a tool now; where the connection is being made anew it fails at once."""
        client = self._client
        if client is None:
            return ToolFailure("mcp_unavailable", "The service cannot be reached.", undone=True)
        try:
            result = await client.call_tool(tool, arguments, read_timeout_seconds=within_s)
            return outcome_of(result)
        except MCPError as error:
            if is_session_over(error):
                self._in_doubt.set()
            return failure_of(error)
        except Exception as error:  # noqa: BLE001 - as above
            self._in_doubt.set()
            return ToolFailure("mcp_error", "The answer could not be read.", _kind(error))

    async def _ask(self, client: Client) -> None:
        self._in_doubt.clear()
        listed: list[OfferedTool] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            listed += [one for tool in page.tools if (one := offered(tool)) is not None]
            cursor = page.next_cursor
            if cursor is None:
                break
        if tuple(listed) != self._offered:
            self._offered = tuple(listed)
            _log.info("mcp server offers", server=self._name, tools=len(listed))

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with self._clock.timeout(ASK_EVERY_S):
                await self._in_doubt.wait()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _shown(server: McpServer) -> str:
    """Return a server's name for the log: without path and query, which may hold a key."""
    match server:
        case McpEndpoint(url):
            return urlsplit(url).netloc
        case McpProgram(command):
            return command[0]


def _kind(error: BaseException) -> str:
    """Return what went wrong by its name: what it says may quote secrets."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
