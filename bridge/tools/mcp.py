"""The MCP servers that agents name: one session each, kept while they are named."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, Self

from bridge.ports.clock import Clock
from bridge.ports.tool import (
    McpExecution,
    McpServer,
    OfferedTool,
    ToolFailure,
    ToolInvocation,
    ToolOutcome,
)
from bridge.tools.arguments import UnusableArguments, arguments_of
from bridge.tools.failures import unusable


class Session(Protocol):
    """One server, however it is spoken to."""

    @property
    def offered(self) -> Sequence[OfferedTool]: ...

    async def run(self) -> None:
        """Stay connected, until cancelled."""
        ...

    async def call(
        self, tool: str, arguments: dict[str, object], within_s: float
    ) -> ToolOutcome: ...


MakeSession = Callable[[McpServer], Awaitable[Session]]


class McpTools:
    """Implements McpServers, and executes their tools. Leaving closes every session."""

    def __init__(self, make_session: MakeSession, clock: Clock) -> None:
        self._make_session = make_session
        self._clock = clock
        self._tasks = asyncio.TaskGroup()
        self._sessions: dict[McpServer, Session] = {}
        self._running: dict[McpServer, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.keep(frozenset())
        await self._tasks.__aexit__(None, None, None)

    def keep(self, servers: frozenset[McpServer]) -> None:
        for server in self._running.keys() - servers:
            self._sessions.pop(server, None)
            self._running.pop(server).cancel()
        for server in servers - self._running.keys():
            task = self._tasks.create_task(self._stay_with(server), name="mcp session")
            self._running[server] = task

    def offered(self, server: McpServer) -> Sequence[OfferedTool]:
        session = self._sessions.get(server)
        return () if session is None else session.offered

    async def execute(self, execution: McpExecution, invocation: ToolInvocation) -> ToolOutcome:
        """Call the server's tool, until the invocation's deadline."""
        session = self._sessions.get(execution.server)
        if session is None:  # the agent's file has changed since the call began
            return ToolFailure("mcp_unavailable", "This is not there.", undone=True)
        left_s = (invocation.deadline - self._clock.now()).total_seconds()
        try:
            arguments = arguments_of(invocation)
        except UnusableArguments as wrong:
            return unusable(wrong)
        return await session.call(execution.tool, arguments, max(0.0, left_s))

    async def _stay_with(self, server: McpServer) -> None:
        session = self._sessions[server] = await self._make_session(server)
        await session.run()
