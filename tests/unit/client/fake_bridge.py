"""A bridge that does as the test says, on a real loopback socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from bridge.testing.services import handlers
from bridge.v1 import call_service_pb2 as calls
from bridge.v1 import model_service_pb2 as models
from bridge.v1 import telemetry_service_pb2 as telemetry
from bridge.v1 import tool_service_pb2 as tools
from bridge.v1.event_pb2 import CallEvent, Ended

Context = grpc.aio.ServicerContext[Any, Any]


class Refuse(Exception):
    """Makes the fake answer with an error."""

    def __init__(
        self, code: grpc.StatusCode, message: str = "no", details: Sequence[Any] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class ToolStream:
    """One stream of a tool server, as the bridge sees it. `refuse` and `end` end it."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[tools.ServeToolsRequest | None] = asyncio.Queue()
        """What the tool server says; None: it is gone."""
        self.answers: asyncio.Queue[tools.ServeToolsResponse | Refuse | None] = asyncio.Queue()

    async def hear(self) -> tools.ServeToolsRequest:
        said = await self.said.get()
        assert said is not None, "the tool server is gone"
        return said

    async def result(self) -> tools.ToolResult:
        said = await self.hear()
        assert said.WhichOneof("kind") == "result"
        return said.result

    async def gone(self) -> None:
        while await self.said.get() is not None:
            pass

    def register(self) -> None:
        registered = tools.ToolRegistered(tool_server_id="tools-1")
        self.answers.put_nowait(tools.ServeToolsResponse(registered=registered))

    def invoke(self, name: str, arguments: str = "{}", number: int = 1) -> None:
        invocation = tools.ToolInvocation(
            tool_call_id=f"call_{number}",
            connection_id="call-1",
            name=name,
            arguments_json=arguments,
            metadata={"order": "7"},
        )
        self.answers.put_nowait(tools.ServeToolsResponse(invocation=invocation))

    def cancel(self, number: int = 1) -> None:
        cancellation = tools.ToolCancellation(tool_call_id=f"call_{number}", reason="timeout")
        self.answers.put_nowait(tools.ServeToolsResponse(cancellation=cancellation))

    def refuse(self, refused: Refuse) -> None:
        self.answers.put_nowait(refused)

    def end(self) -> None:
        self.answers.put_nowait(None)


class FakeBridge:
    """Remembers requests; `answers` gives the response, or raises Refuse, by the RPC's name."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.metadata: dict[str, str] = {}
        self.deadline_s: float | None = None
        self.answers: dict[str, Callable[[Any], Any]] = {}
        self.streams: list[Sequence[CallEvent | Refuse]] = []
        """What each WatchEvents in turn sends; the last one is then sent for ever."""
        self.stream_ended = asyncio.Event()
        self.is_stuck = False
        """It never answers a unary call."""
        self.is_silent = False
        """Its streams stay open behind their last event."""
        self.tool_streams: asyncio.Queue[ToolStream] = asyncio.Queue()

    async def unary(self, method: str, request: Any, context: Context) -> Any:
        self.requests.append(request)
        self.metadata = {str(k): str(v) for k, v in context.invocation_metadata() or ()}
        self.deadline_s = context.time_remaining()
        if self.is_stuck:
            await asyncio.Event().wait()
        try:
            return self.answers[method](request)
        except Refuse as refused:
            await refuse(context, refused)

    async def stream(self, method: str, request: Any, context: Context) -> AsyncIterator[Any]:
        self.requests.append(request)
        try:
            for step in self._script(method, request):
                if isinstance(step, Refuse):
                    raise step
                yield calls.WatchEventsResponse(event=step) if method == "WatchEvents" else step
            if self.is_silent:
                await asyncio.Event().wait()
        except Refuse as refused:
            await refuse(context, refused)
        finally:
            self.stream_ended.set()

    def _script(self, method: str, request: Any) -> Iterable[Any]:
        if method != "WatchEvents":
            answers: Iterable[Any] = self.answers[method](request)
            return answers
        return self.streams.pop(0) if len(self.streams) > 1 else self.streams[0]

    async def tools(self, _method: str, requests: Any, context: Context) -> None:
        stream = ToolStream()
        self.tool_streams.put_nowait(stream)

        async def listen() -> None:
            async for request in requests:
                stream.said.put_nowait(request)

        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(listen())
                while (answer := await stream.answers.get()) is not None:
                    if isinstance(answer, Refuse):
                        await refuse(context, answer)
                    await context.write(answer)
                listening.cancel()
        finally:
            stream.said.put_nowait(None)


async def refuse(context: Context, refused: Refuse) -> None:
    """Abort as the real server does, with google.rpc details."""
    status = status_pb2.Status(code=refused.code.value[0], message=refused.message)
    for detail in refused.details:
        packed = Packed()
        packed.Pack(detail)
        status.details.append(packed)
    packed_status = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(refused.code, refused.message, packed_status)


def error_info(reason: str, **metadata: str) -> Any:
    return error_details_pb2.ErrorInfo(reason=reason, domain="mediabridge", metadata=metadata)


def retry_info(seconds: int) -> Any:
    return error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds))


def event(sequence: int) -> CallEvent:
    return CallEvent(connection_id="call-1", sequence=sequence)


def ended(sequence: int) -> CallEvent:
    return CallEvent(connection_id="call-1", sequence=sequence, ended=Ended())


@asynccontextmanager
async def serving(fake: FakeBridge) -> AsyncIterator[str]:
    """Serve on loopback, and give the address."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(tuple(handlers(fake)))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


__all__ = [
    "FakeBridge",
    "Refuse",
    "ToolStream",
    "calls",
    "ended",
    "error_info",
    "event",
    "models",
    "retry_info",
    "serving",
    "telemetry",
]
