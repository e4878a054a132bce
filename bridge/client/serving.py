"""How does a gateway stay a tool server: one stream after another, until it leaves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NoReturn, Self

import grpc

from bridge.client.errors import BridgeCallError, UnavailableError, raised_as_ours
from bridge.client.tools import ToolFunction, run
from bridge.client.watching import Backoff, Sleep
from bridge.groups import only_error
from bridge.v1 import tool_service_pb2 as pb

if TYPE_CHECKING:  # generic for the type checker only
    Stream = grpc.aio.StreamStreamCall[pb.ServeToolsRequest, pb.ServeToolsResponse]
    OpenStream = Callable[[], Stream]

# As long as a tool takes where its agent says nothing else.
LEAVE_WITHIN_S: Final = 10.0

# What the bridge will say again, however often it is asked.
_FINAL: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)

_log = logging.getLogger(__name__)


class ToolServer:
    """Runs functions for the bridge. A lost connection is made anew for as long as it takes."""

    def __init__(
        self,
        tools: Mapping[str, ToolFunction],
        registration: pb.ToolRegistration,
        open_stream: "OpenStream",
        backoff: Backoff,
        sleep: Sleep,
    ) -> None:
        self._tools = dict(tools)
        self._registration = registration
        self._open_stream = open_stream
        self._backoff = backoff
        self._sleep = sleep
        self._session: _Session | None = None
        self._was_registered = asyncio.Event()
        self._is_leaving = False

    @property
    def is_registered(self) -> bool:
        """Whether the bridge can ask now; not while the connection is being made anew."""
        return self._session is not None

    async def forever(self) -> NoReturn:
        """Wait until cancelled, or until the bridge refuses for good."""
        while True:
            await asyncio.Event().wait()

    @asynccontextmanager
    async def serving(self, leave_within_s: float) -> AsyncIterator[Self]:
        """Be registered on entering; on leaving, answer what is under way, then be gone."""
        with only_error():
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self._run(), name="tool server")
                try:
                    await self._was_registered.wait()
                    yield self
                finally:
                    self._is_leaving = True
                    if self._session is not None:
                        await self._session.leave()
                        await asyncio.wait([running], timeout=leave_within_s)
                    running.cancel()

    async def _run(self) -> None:
        failures = 0
        while not self._is_leaving:
            session, asked_s = _Session(self._tools, self._open_stream()), 0.0
            try:
                with raised_as_ours():
                    await session.register(self._registration)
                    self._session, failures = session, 0
                    self._was_registered.set()
                    await session.serve()
            except BridgeCallError as lost:
                if self._is_final(lost, failures):
                    raise
                asked_s = lost.retry_after.total_seconds() if lost.retry_after else 0.0
                _log.warning("tool server lost its bridge: %s", lost)
            finally:
                self._session = None
                session.close()
            if not self._is_leaving:
                delay_s = self._backoff.delay_s(min(failures, self._backoff.attempts))
                await self._sleep(max(asked_s, delay_s))
                failures += 1

    def _is_final(self, lost: BridgeCallError, failures: int) -> bool:
        never_there = not self._was_registered.is_set()
        is_refusal = lost.code in _FINAL and not lost.can_be_resumed
        return is_refusal or (never_there and failures >= self._backoff.attempts)


class _Session:
    """One stream, from its registration to its end."""

    def __init__(self, tools: Mapping[str, ToolFunction], stream: "Stream") -> None:
        self._tools = tools
        self._stream = stream
        self._writing = asyncio.Lock()
        self._running: dict[str, asyncio.Task[None]] = {}

    async def register(self, registration: pb.ToolRegistration) -> None:
        """
        :raises grpc.aio.AioRpcError: the bridge refused.
        :raises UnavailableError: it, or something in between, ended the stream without a word.
        """
        await self._say(pb.ServeToolsRequest(register=registration))
        if await self._stream.read() is grpc.aio.EOF:
            raise UnavailableError(grpc.StatusCode.UNAVAILABLE, "nobody answers")

    async def serve(self) -> None:
        """Run what is asked for, until the bridge ends the stream; then nothing runs any more.

        :raises grpc.aio.AioRpcError: it ended otherwise than well.
        """
        with only_error():
            async with asyncio.TaskGroup() as tasks:
                while isinstance(response := await self._stream.read(), pb.ServeToolsResponse):
                    match response.WhichOneof("kind"):
                        case "invocation":
                            self._start(response.invocation, tasks)
                        case "cancellation":
                            self._cancel(response.cancellation.tool_call_id)
                for tool_call_id in self._running:
                    self._cancel(tool_call_id)

    async def leave(self) -> None:
        """Ask for nothing more. The stream ends when everything is answered."""
        await self._say(pb.ServeToolsRequest(leave=pb.ToolLeave()))

    def close(self) -> None:
        self._stream.cancel()

    def _start(self, invocation: pb.ToolInvocation, tasks: asyncio.TaskGroup) -> None:
        tool_call_id = invocation.tool_call_id
        task = tasks.create_task(self._answer(invocation), name=f"tool {tool_call_id}")
        self._running[tool_call_id] = task
        task.add_done_callback(lambda _: self._running.pop(tool_call_id, None))

    def _cancel(self, tool_call_id: str) -> None:
        if task := self._running.get(tool_call_id):
            task.cancel()

    async def _answer(self, invocation: pb.ToolInvocation) -> None:
        result = await run(self._tools, invocation)
        await self._say(pb.ServeToolsRequest(result=result))

    async def _say(self, request: pb.ServeToolsRequest) -> None:
        try:
            async with self._writing:  # grpc writes one message at a time
                await self._stream.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the stream is over; whoever reads it learns why
