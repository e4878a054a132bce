"""What does a worker answer its front? What a host answers, over a socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from bridge.errors import NotFound, Refusal
from bridge.ids import ConnectionId, TenantId
from bridge.messages.convert import encoded
from bridge.messages.values import decode, encode
from bridge.ports.call import CallSpec
from bridge.ports.control import Command, CommandId, ControlOutcome
from bridge.ports.host import Epoch, Host
from bridge.ports.process import LogLevel, Process
from bridge.ports.room_news import RoomNews
from bridge.workers import refusals
from bridge.workers.v1 import workers_service_pb2 as pb
from bridge.workers.v1 import workers_service_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class HostService(workers_service_pb2_grpc.HostServiceServicer):
    """Serves a `Host` that lives in this process, and tells of the process itself."""

    def __init__(self, host: Host, process: Process) -> None:
        self._host = host
        self._process = process

    async def StartCall(
        self, request: pb.StartCallRequest, _context: Context
    ) -> pb.StartCallResponse:
        spec: CallSpec = decode(CallSpec, request.spec)
        try:
            view = await self._host.start(spec, Epoch(request.epoch))
        except Refusal as refusal:
            return pb.StartCallResponse(refusal=refusals.to_message(refusal))
        return pb.StartCallResponse(view=encode(view))

    async def EndCall(self, request: pb.EndCallRequest, _context: Context) -> pb.EndCallResponse:
        view = await self._host.end(ConnectionId(request.connection_id))
        return pb.EndCallResponse(view=None if view is None else encode(view))

    async def ControlCall(
        self, request: pb.ControlCallRequest, _context: Context
    ) -> pb.ControlCallResponse:
        outcome = await self._host.control(
            ConnectionId(request.connection_id),
            CommandId(request.command_id),
            decode(Command, request.command),
        )
        return pb.ControlCallResponse(
            outcome=None if outcome is None else encode(outcome, ControlOutcome)
        )

    async def Notice(self, request: pb.NoticeRequest, _context: Context) -> pb.NoticeResponse:
        news = decode(RoomNews, request.news)
        is_new = await self._host.notice(ConnectionId(request.connection_id), news)
        return pb.NoticeResponse(is_new=is_new)

    async def GetReport(
        self, request: pb.GetReportRequest, _context: Context
    ) -> pb.GetReportResponse:
        report = await self._host.report(ConnectionId(request.connection_id))
        return pb.GetReportResponse(report=None if report is None else encode(report))

    async def StreamTelemetry(
        self, request: pb.StreamTelemetryRequest, context: Context
    ) -> AsyncIterator[pb.StreamTelemetryResponse]:
        try:
            samples = self._host.telemetry(
                ConnectionId(request.connection_id) if request.HasField("connection_id") else None,
                TenantId(request.tenant_id) if request.HasField("tenant_id") else None,
                request.interval.ToMicroseconds() / 1e6,
            )
        except NotFound as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, error.message)
        async for interval in samples:
            yield pb.StreamTelemetryResponse(samples=[encoded(sample) for sample in interval])

    async def Drain(self, request: pb.DrainRequest, _context: Context) -> pb.DrainResponse:
        # A front that hangs up while it waits has not changed its mind.
        await asyncio.shield(self._host.drain(request.timeout.ToMicroseconds() / 1e6))
        return pb.DrainResponse()

    async def SetLogLevel(
        self, request: pb.SetLogLevelRequest, _context: Context
    ) -> pb.SetLogLevelResponse:
        await self._process.set_log_level(LogLevel(request.level))
        return pb.SetLogLevelResponse()

    async def Dump(self, _request: pb.DumpRequest, _context: Context) -> pb.DumpResponse:
        return pb.DumpResponse(dump=encode(await self._process.dump()))
