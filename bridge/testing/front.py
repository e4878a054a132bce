"""What does a scripted bridge answer where nothing else is scripted: what a real one would."""

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import UTC, timedelta
from itertools import count
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from bridge.api import paging
from bridge.api.violations import Violations
from bridge.errors import FieldViolation, InvalidRequest, NotFound, WrongState
from bridge.ids import ConnectionId
from bridge.messages.times import duration, seconds, timestamp
from bridge.ports.clock import Clock
from bridge.ports.placement import CallPosition
from bridge.testing.placing import Placing
from bridge.testing.scripted_call import ScriptedCall
from bridge.v1 import admin_service_pb2 as admin_pb
from bridge.v1 import call_pb2, telemetry_pb2
from bridge.v1 import call_service_pb2 as pb
from bridge.v1 import model_service_pb2 as model_pb
from bridge.v1 import telemetry_service_pb2 as telemetry_pb

_TOKEN_TTL_S: Final = 600.0
_KEY_TTL_S: Final = 60.0
_INTERVAL_S: Final = 5.0
_PAGE: Final = 100
_SILENCE_DBFS: Final = -127.0

# Nobody can connect to these: `.invalid` is no domain and never will be.
_LIVEKIT_URL: Final = "ws://livekit.invalid"
_MODEL_URL: Final = "wss://model.invalid/v1/realtime"


class Front:
    """The API's methods over scripted calls. Checks what requests must have, not every bound."""

    def __init__(self, placing: Placing, clock: Clock) -> None:
        self._placing = placing
        self._clock = clock
        self._started_at = clock.now()
        self._numbers = count(1)
        self._log_level = admin_pb.LOG_LEVEL_INFO

    def create_room(self, request: pb.CreateRoomRequest) -> pb.CreateRoomResponse:
        wrong = Violations()
        wrong.require("agent_id", request.agent_id)
        wrong.require("participant_name", request.participant_name.strip())
        wrong.check()
        call = self._placing.create(request)
        return pb.CreateRoomResponse(
            connection_id=call.call.connection_id,
            room_name=call.call.room_name,
            access_token=f"scripted-token-{next(self._numbers)}",
            server_url=_LIVEKIT_URL,
            status="created",
            participant_id=call.caller.identity,
            token_expire_time=self._in(seconds(request.token_ttl) or _TOKEN_TTL_S),
            call=call.call,
            capacity_remaining=self._placing.slots - len(self._placing.live),
        )

    def join_room(self, request: pb.JoinRoomRequest) -> pb.JoinRoomResponse:
        wrong = Violations()
        wrong.require("room_name", request.room_name)
        wrong.require("participant_name", request.participant_name.strip())
        wrong.check()
        call = self._placing.join(request)
        return pb.JoinRoomResponse(
            connection_id=call.call.connection_id,
            room_name=call.call.room_name,
            access_token=f"scripted-token-{next(self._numbers)}",
            server_url=_LIVEKIT_URL,
            status="joined",
            participant_id=f"{call.caller.identity}-{next(self._numbers)}",
            token_expire_time=self._in(seconds(request.token_ttl) or _TOKEN_TTL_S),
            call=call.call,
        )

    def end_call(self, request: pb.EndCallRequest) -> pb.EndCallResponse:
        call = self._call(request.connection_id)
        already_ended = not call.end(detail="EndCall")
        return pb.EndCallResponse(
            status="success",
            message="Call had already ended" if already_ended else "Call ended successfully",
            call=call.call,
            already_ended=already_ended,
        )

    def control_call(self, request: pb.ControlCallRequest) -> pb.ControlCallResponse:
        wrong = Violations()
        wrong.require("connection_id", request.connection_id)
        wrong.require("command", request.WhichOneof("command") or "")
        wrong.check()
        call = self._call(request.connection_id)
        if call.is_over:
            metadata = {"connection_id": request.connection_id}
            raise WrongState("CALL_ENDED", "the call has ended", metadata)
        command_id = request.command_id or f"command-{next(self._numbers)}"
        call.obey(command_id, request)
        return pb.ControlCallResponse(
            command_id=command_id,
            outcome=pb.CONTROL_OUTCOME_APPLIED,
            connection_id=request.connection_id,
        )

    def get_connection_status(
        self, request: pb.GetConnectionStatusRequest
    ) -> pb.GetConnectionStatusResponse:
        call = self._call(request.connection_id)
        return pb.GetConnectionStatusResponse(
            connection_id=call.call.connection_id,
            room_name=call.call.room_name,
            participant_id=call.caller.identity,
            is_active=not call.is_over,
            is_ai_ready=not call.is_over,
            agent_id=call.call.agent_id,
            created_at=call.call.create_time,
            last_activity=call.call.last_activity,
            call=call.call,
        )

    def list_calls(self, request: pb.ListCallsRequest) -> pb.ListCallsResponse:
        last = paging.position(request)
        calls = (call.call for call in self._placing.kept if _fits(call.call, request))
        behind = (call for call in calls if last is None or _position(call) < last)
        size = request.page_size or _PAGE
        found = heapq.nlargest(size + 1, behind, key=_position)
        page = pb.ListCallsResponse(calls=found[:size])
        if len(found) > size:
            page.next_page_token = paging.token(request, _position(found[size - 1]))
        return page

    def list_agents(self, _request: pb.ListAgentsRequest) -> pb.ListAgentsResponse:
        agents = self._placing.agents
        return pb.ListAgentsResponse(agents=[agents[agent_id] for agent_id in sorted(agents)])

    def get_call_report(self, request: pb.GetCallReportRequest) -> pb.GetCallReportResponse:
        return pb.GetCallReportResponse(report=self._call(request.connection_id).report)

    def delete_call_data(self, request: pb.DeleteCallDataRequest) -> pb.DeleteCallDataResponse:
        call = self._call(request.connection_id)
        if not call.is_over:
            metadata = {"connection_id": request.connection_id}
            raise WrongState("CALL_NOT_ENDED", "the call has not ended", metadata)
        self._placing.forget(request.connection_id)
        return pb.DeleteCallDataResponse(
            connection_id=request.connection_id,
            events_deleted=len(call.log.events),
            report_deleted=True,
        )

    def get_stats(self, _request: telemetry_pb.GetStatsRequest) -> telemetry_pb.GetStatsResponse:
        live = len(self._placing.live)
        reasons = Counter(
            call.call.end_reason for call in self._placing.calls.values() if call.is_over
        )
        return telemetry_pb.GetStatsResponse(
            active_rooms=live,
            active_connections=live,
            timestamp=timestamp(self._clock.now()),
            slots_total=self._placing.slots,
            slots_free=self._placing.slots - live,
            draining=False,
            start_time=timestamp(self._started_at),
            version="scripted",
            calls_created=len(self._placing.calls),
            calls_refused=self._placing.refused,
            store=telemetry_pb.StoreStats(backend=telemetry_pb.STORE_BACKEND_MEMORY, taking=True),
            calls_ended={call_pb2.EndReason.Name(why): many for why, many in reasons.items()},
        )

    def create_model_token(
        self, request: model_pb.CreateModelTokenRequest
    ) -> model_pb.CreateModelTokenResponse:
        wrong = Violations()
        wrong.require("agent_id", request.agent_id)
        wrong.check()
        self._placing.agent(request.agent_id)
        return model_pb.CreateModelTokenResponse(
            value=f"scripted-key-{next(self._numbers)}",
            expires_at=self._in(seconds(request.ttl) or _KEY_TTL_S),
            model_url=_MODEL_URL,
            model="scripted",
        )

    def set_log_level(self, request: admin_pb.SetLogLevelRequest) -> admin_pb.SetLogLevelResponse:
        if not request.level:
            raise InvalidRequest([FieldViolation("level", "required, and one of those there are")])
        previous, self._log_level = self._log_level, request.level
        return admin_pb.SetLogLevelResponse(previous=previous)

    def dump_tasks(self, _request: admin_pb.DumpTasksRequest) -> admin_pb.DumpTasksResponse:
        return admin_pb.DumpTasksResponse(processes=[admin_pb.ProcessDump(name="front")])

    async def watch_events(
        self, request: pb.WatchEventsRequest
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        call = self._call(request.connection_id)
        async for event in call.log.follow(request.after_sequence):
            yield pb.WatchEventsResponse(event=event)

    async def stream_telemetry(
        self, request: telemetry_pb.StreamTelemetryRequest
    ) -> AsyncIterator[telemetry_pb.StreamTelemetryResponse]:
        interval_s = seconds(request.interval) or _INTERVAL_S
        if not request.connection_id:
            async for round_ in self._figures_of_all(request.tenant_id, interval_s):
                yield round_
        call = self._call(request.connection_id)
        if call.is_over:
            raise NotFound("CALL_NOT_FOUND", "no live call has this connection_id")
        while not call.is_over:
            with suppress(TimeoutError):
                async with self._clock.timeout(interval_s):
                    await call.log.completed.wait()
            yield self._figures([call], interval_s)

    async def _figures_of_all(
        self, tenant_id: str, interval_s: float
    ) -> AsyncIterator[telemetry_pb.StreamTelemetryResponse]:
        while True:
            await self._clock.sleep(interval_s)
            live = self._placing.live
            mine = [call for call in live if tenant_id in ("", call.call.tenant_id)]
            yield self._figures(mine, interval_s)

    def _figures(
        self, calls: Iterable[ScriptedCall], interval_s: float
    ) -> telemetry_pb.StreamTelemetryResponse:
        samples = [
            telemetry_pb2.CallTelemetry(
                connection_id=call.call.connection_id,
                time=timestamp(self._clock.now()),
                interval=duration(interval_s),
                state=call.call.state,
                agent_state=call.call.agent_state,
                uplink=telemetry_pb2.UplinkTelemetry(
                    level_dbfs=_SILENCE_DBFS, peak_dbfs=_SILENCE_DBFS
                ),
                downlink=telemetry_pb2.DownlinkTelemetry(
                    level_dbfs=_SILENCE_DBFS, peak_dbfs=_SILENCE_DBFS
                ),
                network=telemetry_pb2.NetworkTelemetry(),
                model=telemetry_pb2.ModelTelemetry(usage=call_pb2.TokenUsage()),
            )
            for call in calls
        ]
        return telemetry_pb.StreamTelemetryResponse(samples=samples)

    def _call(self, connection_id: str) -> ScriptedCall:
        wrong = Violations()
        wrong.require("connection_id", connection_id)
        wrong.check()
        return self._placing.call(connection_id)

    def _in(self, span_s: float) -> Timestamp:
        at = Timestamp()
        at.FromDatetime(self._clock.now() + timedelta(seconds=span_s))
        return at


def _position(call: call_pb2.Call) -> CallPosition:
    created_at = call.create_time.ToDatetime(tzinfo=UTC)
    return CallPosition(created_at, ConnectionId(call.connection_id))


def _fits(call: call_pb2.Call, request: pb.ListCallsRequest) -> bool:
    return (
        (not request.states or call.state in request.states)
        and request.tenant_id in ("", call.tenant_id)
        and request.agent_id in ("", call.agent_id)
        and request.metadata.items() <= call.metadata.items()
    )
