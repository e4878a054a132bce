"""The tool servers that have registered with a scripted bridge, and what it asks of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from typing import Any

import grpc

from bridge.errors import FieldViolation, InvalidRequest
from bridge.ports.clock import Clock
from bridge.v1 import tool_service_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]
Requests = AsyncIterator[pb.ServeToolsRequest]


class ToolDesk:
    """Asks the first tool server that has registered for a tool and its call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._servers: list[_ToolServer] = []
        self._numbers = count(1)

    @property
    def registrations(self) -> list[pb.ToolRegistration]:
        """Of the tool servers that are there now, in the order in which they came."""
        return [server.registration for server in self._servers]

    async def serve(self, requests: Requests, context: Context) -> None:
        """Serve one tool server until it leaves or is gone.

        :raises InvalidRequest: it does not begin with its registration.
        """
        first = await anext(requests, pb.ServeToolsRequest())
        if first.WhichOneof("kind") != "register":
            raise InvalidRequest([FieldViolation("register", "must be the first message")])
        server = _ToolServer(first.register)
        name = pb.ToolRegistered(tool_server_id=f"tools-{next(self._numbers)}")
        await context.write(pb.ServeToolsResponse(registered=name))
        self._servers.append(server)
        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(server.listen(requests), name="tool results")
                while (message := await server.outbox.get()) is not None:
                    await context.write(message)
                listening.cancel()
        finally:
            self._servers.remove(server)
            server.lose()

    async def execute(self, invocation: pb.ToolInvocation, timeout_s: float) -> pb.ToolResult:
        """Return what came of it; nobody there, or no answer in time, is a failure, too."""
        asked = pb.ToolInvocation()
        asked.CopyFrom(invocation)
        asked.deadline.FromDatetime(self._clock.now() + timedelta(seconds=timeout_s))
        for server in self._servers:
            if server.covers(asked):
                return await server.execute(asked, self._clock, timeout_s)
        return _failed(asked.tool_call_id, "no_tool_server")


class _ToolServer:
    """One stream, from its registration on."""

    def __init__(self, registration: pb.ToolRegistration) -> None:
        self.registration = registration
        self.outbox: asyncio.Queue[pb.ServeToolsResponse | None] = asyncio.Queue()
        """What it is still to be told; None: no more. Bounded by what the test asks for."""
        self._owed: dict[str, asyncio.Future[pb.ToolResult]] = {}
        self._is_leaving = False

    def covers(self, asked: pb.ToolInvocation) -> bool:
        mine = self.registration
        is_named = asked.connection_id in mine.connection_ids or asked.agent_id in mine.agent_ids
        is_everyones = not (mine.connection_ids or mine.agent_ids)
        return (
            not self._is_leaving
            and mine.tenant_id == asked.tenant_id
            and asked.name in mine.tool_names
            and (is_named or is_everyones)
        )

    async def execute(
        self, asked: pb.ToolInvocation, clock: Clock, timeout_s: float
    ) -> pb.ToolResult:
        owed: asyncio.Future[pb.ToolResult] = asyncio.get_running_loop().create_future()
        self._owed[asked.tool_call_id] = owed
        self.outbox.put_nowait(pb.ServeToolsResponse(invocation=asked))
        try:
            async with clock.timeout(timeout_s):
                return await owed
        except TimeoutError:
            cancellation = pb.ToolCancellation(tool_call_id=asked.tool_call_id, reason="timeout")
            self.outbox.put_nowait(pb.ServeToolsResponse(cancellation=cancellation))
            return _failed(asked.tool_call_id, "timeout")
        finally:
            del self._owed[asked.tool_call_id]
            self._say_goodbye_if_done()

    async def listen(self, requests: Requests) -> None:
        async for request in requests:
            match request.WhichOneof("kind"):
                case "result":
                    owed = self._owed.get(request.result.tool_call_id)
                    if owed is not None and not owed.done():
                        owed.set_result(request.result)
                case "leave":
                    self._is_leaving = True
                    self._say_goodbye_if_done()
        self.outbox.put_nowait(None)

    def lose(self) -> None:
        for tool_call_id, owed in self._owed.items():
            if not owed.done():
                owed.set_result(_failed(tool_call_id, "tool_server_lost"))

    def _say_goodbye_if_done(self) -> None:
        if self._is_leaving and not self._owed:
            self.outbox.put_nowait(None)


def _failed(tool_call_id: str, code: str) -> pb.ToolResult:
    return pb.ToolResult(tool_call_id=tool_call_id, error=pb.ToolError(code=code))
