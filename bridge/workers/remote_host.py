"""How does a front reach a host in another process? As it would one of its own."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import grpc
import orjson
from google.protobuf.duration_pb2 import Duration

from bridge.errors import NotFound, Unavailable
from bridge.ids import ConnectionId, TenantId
from bridge.messages.values import decode, encode
from bridge.ports.call import CallSpec, CallView
from bridge.ports.clock import Clock
from bridge.ports.control import Command, CommandId, ControlOutcome
from bridge.ports.host import Epoch, HostStatus
from bridge.ports.process import LogLevel, ProcessDump
from bridge.ports.report import CallReport
from bridge.ports.room_news import RoomNews
from bridge.ports.telemetry import EncodedTelemetry
from bridge.workers import refusals
from bridge.workers.front import PROGRESS
from bridge.workers.v1 import workers_service_pb2 as pb
from bridge.workers.v1 import workers_service_pb2_grpc

# Creating a room has 3 s of its own.
_START_S: Final = 10.0
# A call's end is bounded by its own steps; this is their sum and some more.
_END_S: Final = 60.0
_READ_S: Final = 5.0
_RETRY_S: Final = 1.0


class RemoteHost:
    """Implements `Host` and `Process` over a worker's socket.

    What `view` and `status` return is what the worker has told of its own accord: neither waits.
    """

    def __init__(self, channel: grpc.aio.Channel, clock: Clock) -> None:
        self._host = workers_service_pb2_grpc.HostServiceStub(channel)
        self._clock = clock
        self._calls: dict[ConnectionId, _LiveCall] = {}
        self._status = HostStatus(0, 0, True, clock.now(), 0, 0, {}, 0.0)

    def saw(self, view: CallView) -> None:
        """Take note of a call as its worker tells of it."""
        if view.is_over:
            self._calls.pop(view.connection_id, None)
            return
        call = self._known(view)
        call.is_now(view)
        call.told_s = self._clock.monotonic_s()

    def progressed(self, connection_id: ConnectionId, changes: bytes) -> None:
        """Take note of what has changed of a call; read where somebody asks for the call."""
        if (call := self._calls.get(connection_id)) is not None:
            call.changes.update(orjson.loads(changes))
            call.told_s = self._clock.monotonic_s()

    def told(self, connection_id: ConnectionId) -> CallView | None:
        """Return a call as its worker has told it last; None: it has not, or it is over."""
        call = self._calls.get(connection_id)
        return None if call is None else call.view()

    def drafted(self, connection_id: ConnectionId, report: bytes) -> None:
        """Take note of a report that its worker has left, as far as it goes."""
        if (call := self._calls.get(connection_id)) is not None:
            call.draft = report

    def draft(self, connection_id: ConnectionId) -> CallReport | None:
        """Return a live call's report, as far as its worker has told of it."""
        call = self._calls.get(connection_id)
        return decode(CallReport, call.draft) if call is not None and call.draft else None

    def drafts(self) -> Iterator[CallReport]:
        for connection_id in list(self._calls):
            if (draft := self.draft(connection_id)) is not None:
                yield draft

    def beat(self, status: HostStatus) -> None:
        """Take note of how the worker is doing."""
        self._status = status

    async def start(self, spec: CallSpec, epoch: Epoch) -> CallView:
        request = pb.StartCallRequest(spec=encode(spec), epoch=epoch)
        async with _answering():
            response = await self._host.StartCall(request, timeout=_START_S)
        if response.WhichOneof("outcome") == "refusal":
            raise refusals.from_message(response.refusal)
        view: CallView = decode(CallView, response.view)
        return self._known(view).view()  # what it has told since is newer

    async def end(self, connection_id: ConnectionId) -> CallView | None:
        async with _answering():
            response = await self._host.EndCall(
                pb.EndCallRequest(connection_id=connection_id), timeout=_END_S
            )
        return decode(CallView, response.view) if response.HasField("view") else None

    async def control(
        self, connection_id: ConnectionId, command_id: CommandId, command: Command
    ) -> ControlOutcome | None:
        request = pb.ControlCallRequest(
            connection_id=connection_id,
            command_id=command_id,
            command=encode(command, Command),
        )
        async with _answering():
            response = await self._host.ControlCall(request, timeout=_READ_S)
        if not response.HasField("outcome"):
            return None
        outcome: ControlOutcome = decode(ControlOutcome, response.outcome)
        return outcome

    async def notice(self, connection_id: ConnectionId, news: RoomNews) -> bool:
        request = pb.NoticeRequest(connection_id=connection_id, news=encode(news, RoomNews))
        async with _answering():
            response = await self._host.Notice(request, timeout=_READ_S)
        return response.is_new

    def view(self, connection_id: ConnectionId) -> CallView | None:
        call = self._calls.get(connection_id)
        if call is None:
            return None
        view = call.view()
        if view.joined_at is None:
            return view
        since_s = self._clock.monotonic_s() - call.told_s
        return replace(view, active_duration_s=view.active_duration_s + since_s)

    async def report(self, connection_id: ConnectionId) -> CallReport | None:
        async with _answering():
            response = await self._host.GetReport(
                pb.GetReportRequest(connection_id=connection_id), timeout=_READ_S
            )
        return decode(CallReport, response.report) if response.HasField("report") else None

    async def telemetry(
        self, connection_id: ConnectionId | None, tenant_id: TenantId | None, interval_s: float
    ) -> AsyncIterator[Sequence[EncodedTelemetry]]:
        interval = Duration()
        interval.FromMicroseconds(round(interval_s * 1e6))
        request = pb.StreamTelemetryRequest(
            connection_id=connection_id, tenant_id=tenant_id, interval=interval
        )
        async with _answering():
            async for response in self._host.StreamTelemetry(request):
                yield [EncodedTelemetry(sample) for sample in response.samples]

    def status(self) -> HostStatus:
        return self._status

    async def drain(self, timeout_s: float) -> None:
        timeout = Duration()
        timeout.FromMicroseconds(round(timeout_s * 1e6))
        async with _answering():
            await self._host.Drain(pb.DrainRequest(timeout=timeout), timeout=timeout_s + _END_S)

    async def set_log_level(self, level: LogLevel) -> None:
        async with _answering():
            request = pb.SetLogLevelRequest(level=level.value)
            await self._host.SetLogLevel(request, timeout=_READ_S)

    async def dump(self) -> ProcessDump:
        async with _answering():
            response = await self._host.Dump(pb.DumpRequest(), timeout=_READ_S)
        dump: ProcessDump = decode(ProcessDump, response.dump)
        return dump

    def _known(self, view: CallView) -> "_LiveCall":
        """Return what is known of a live call; where nothing is, this view."""
        told_s = self._clock.monotonic_s()
        return self._calls.setdefault(view.connection_id, _LiveCall(view, told_s))


class _LiveCall:
    """What its worker has told of a call."""

    def __init__(self, view: CallView, told_s: float) -> None:
        self.told_s = told_s
        """When it was told of last, by the monotonic clock."""
        self.changes: dict[str, object] = {}
        """What has changed since somebody looked."""
        self.draft = b""
        self._view = view

    def view(self) -> CallView:
        """Return the call as it was told last."""
        changes, self.changes = self.changes, {}
        if changes:
            self._view = PROGRESS.apply(self._view, changes)
        return self._view

    def is_now(self, view: CallView) -> None:
        self._view, self.changes = view, {}


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """Tell what a worker's silence means to whoever asked for a call.

    :raises NotFound: the worker does not carry it.
    :raises Unavailable: the worker is gone, or does not answer.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            raise NotFound("CALL_NOT_FOUND", error.details() or "no such call") from error
        raise Unavailable("WORKER_LOST", "the call's worker does not answer", _RETRY_S) from error
