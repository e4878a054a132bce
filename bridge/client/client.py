"""Which calls can a program make: BridgeClient, one method for each RPC."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

import grpc
from google.protobuf.duration_pb2 import Duration

from bridge.client.connection import DEADLINE_S, ApiKey, Connection
from bridge.client.options import CallOptions, RoomOptions
from bridge.client.retries import identified
from bridge.client.serving import LEAVE_WITHIN_S, ToolServer
from bridge.client.tools import ToolFunction
from bridge.client.watching import Backoff, Sleep, resumed
from bridge.v1 import admin_service_pb2 as admin_pb
from bridge.v1 import call_service_pb2 as pb
from bridge.v1 import model_service_pb2 as model_pb
from bridge.v1 import telemetry_service_pb2 as telemetry_pb
from bridge.v1 import tool_service_pb2 as tool_pb
from bridge.v1.admin_service_pb2_grpc import AdminServiceStub
from bridge.v1.call_pb2 import Call, CallState
from bridge.v1.call_service_pb2_grpc import CallServiceStub
from bridge.v1.event_pb2 import CallEvent
from bridge.v1.model_service_pb2_grpc import ModelServiceStub
from bridge.v1.report_pb2 import CallReport
from bridge.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from bridge.v1.tool_service_pb2_grpc import ToolServiceStub

if TYPE_CHECKING:  # these exist in the stub files only
    from bridge.v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from bridge.v1.call_service_pb2_grpc import CallServiceAsyncStub
    from bridge.v1.model_service_pb2_grpc import ModelServiceAsyncStub
    from bridge.v1.telemetry_service_pb2_grpc import TelemetryServiceAsyncStub
    from bridge.v1.tool_service_pb2_grpc import ToolServiceAsyncStub


class BridgeClient:
    """A connection to one server; `async with` closes it.

    Every method raises a BridgeCallError where the server refuses or does not answer.
    """

    def __init__(
        self,
        target: str,
        *,
        api_key: ApiKey = None,
        credentials: grpc.ChannelCredentials | None = None,
        plaintext_key: bool = False,
        deadline_s: float = DEADLINE_S,
        backoff: Backoff | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Connect on first use to `target`, in the clear unless `credentials` are given.

        `api_key` is a key, a token, or what returns one whenever it is needed: a token that is
        renewed keeps long streams going. In the clear it is sent to this machine alone, unless
        `plaintext_key` says that whatever is on the way may see it.

        :raises ValueError: the key would go in the clear to another machine.
        """
        self._connection = Connection(
            target,
            api_key=api_key,
            credentials=credentials,
            plaintext_key=plaintext_key,
            deadline_s=deadline_s,
        )
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        channel = self._connection.channel
        self._calls: CallServiceAsyncStub = CallServiceStub(channel)
        self._telemetry: TelemetryServiceAsyncStub = TelemetryServiceStub(channel)
        self._model: ModelServiceAsyncStub = ModelServiceStub(channel)
        self._tools: ToolServiceAsyncStub = ToolServiceStub(channel)
        self._admin: AdminServiceAsyncStub = AdminServiceStub(channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection, breaking off every call on it."""
        await self._connection.aclose()

    async def create_room(
        self,
        participant_name: str,
        agent_id: str,
        *,
        token_ttl: timedelta | None = None,
        **options: Unpack[RoomOptions],
    ) -> pb.CreateRoomResponse:
        """Begin a call; the answer holds the token with which the caller joins."""
        request = pb.CreateRoomRequest(
            participant_name=participant_name,
            agent_id=agent_id,
            token_ttl=_duration(token_ttl),
            **options,
        )
        return await self.create_room_from(request)

    async def create_room_from(self, request: pb.CreateRoomRequest) -> pb.CreateRoomResponse:
        """Begin a call from a message that is at hand.

        Without a request id it gets one of its own, so that a retry makes no second call.
        """
        return await self._connection.unary(self._calls.CreateRoom, identified(request))

    async def join_room(
        self,
        participant_name: str,
        room_name: str,
        agent_id: str = "",
        *,
        token_ttl: timedelta | None = None,
        **options: Unpack[CallOptions],
    ) -> pb.JoinRoomResponse:
        """Let a human into a room: one of a call, or one on LiveKit that then gets an agent."""
        request = pb.JoinRoomRequest(
            participant_name=participant_name,
            room_name=room_name,
            agent_id=agent_id,
            token_ttl=_duration(token_ttl),
            **options,
        )
        return await self.join_room_from(request)

    async def join_room_from(self, request: pb.JoinRoomRequest) -> pb.JoinRoomResponse:
        """Let a human into a room by a message that is at hand."""
        return await self._connection.unary(self._calls.JoinRoom, identified(request))

    async def end_call(self, connection_id: str) -> pb.EndCallResponse:
        """End a call and wait for its end; one that is over is no error."""
        return await self._connection.unary(
            self._calls.EndCall, pb.EndCallRequest(connection_id=connection_id)
        )

    async def control(self, command: pb.ControlCallRequest) -> pb.ControlCallResponse:
        """Steer a running call; a command that is refused is an answer, not an error."""
        return await self._connection.unary(self._calls.ControlCall, identified(command))

    async def status(self, connection_id: str) -> pb.GetConnectionStatusResponse:
        """Return where a call is now, or how it ended."""
        request = pb.GetConnectionStatusRequest(connection_id=connection_id)
        return await self._connection.unary(self._calls.GetConnectionStatus, request)

    async def list_calls(
        self,
        *,
        states: Iterable[CallState.ValueType] = (),
        tenant_id: str = "",
        agent_id: str = "",
        metadata: Mapping[str, str] | None = None,
        page_size: int = 0,
    ) -> AsyncIterator[Call]:
        """Yield calls, the newest first, asking for pages as they are needed."""
        request = pb.ListCallsRequest(
            page_size=page_size,
            states=states,
            tenant_id=tenant_id,
            agent_id=agent_id,
            metadata=metadata or {},
        )
        while True:
            page: pb.ListCallsResponse = await self._connection.unary(
                self._calls.ListCalls, request
            )
            for call in page.calls:
                yield call
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def list_agents(self, tenant_id: str = "") -> Sequence[pb.AgentSummary]:
        """Return the agents that can be asked for."""
        request = pb.ListAgentsRequest(tenant_id=tenant_id)
        return (await self._connection.unary(self._calls.ListAgents, request)).agents

    async def report(self, connection_id: str) -> CallReport:
        """Return a call's report, complete once the call has ended."""
        request = pb.GetCallReportRequest(connection_id=connection_id)
        return (await self._connection.unary(self._calls.GetCallReport, request)).report

    async def delete_call_data(self, connection_id: str) -> pb.DeleteCallDataResponse:
        """Delete all that is kept of a call that is over, for good; return what there was.

        :raises NotFoundError: there is nothing, or no more: a retry need not mind.
        :raises FailedPreconditionError: it has not ended.
        """
        request = pb.DeleteCallDataRequest(connection_id=connection_id)
        return await self._connection.unary(self._calls.DeleteCallData, request)

    async def stats(self) -> telemetry_pb.GetStatsResponse:
        """Return the server's totals."""
        return await self._connection.unary(
            self._telemetry.GetStats, telemetry_pb.GetStatsRequest()
        )

    async def create_model_token(
        self,
        agent_id: str,
        *,
        voice_language: str = "",
        tenant_id: str = "",
        ttl: timedelta | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> model_pb.CreateModelTokenResponse:
        """Return a short-lived key for a browser that talks to the model itself."""
        request = model_pb.CreateModelTokenRequest(
            agent_id=agent_id,
            voice_language=voice_language,
            tenant_id=tenant_id,
            ttl=_duration(ttl),
            variables=variables,
        )
        return await self._connection.unary(self._model.CreateModelToken, request)

    async def set_log_level(
        self, level: admin_pb.LogLevel.ValueType
    ) -> admin_pb.SetLogLevelResponse:
        """Change how much the server and its workers log, until they stop."""
        request = admin_pb.SetLogLevelRequest(level=level)
        return await self._connection.unary(self._admin.SetLogLevel, request)

    async def dump_tasks(self) -> admin_pb.DumpTasksResponse:
        """Return what every task and thread of the server and its workers is at."""
        return await self._connection.unary(self._admin.DumpTasks, admin_pb.DumpTasksRequest())

    async def watch(
        self, connection_id: str, after_sequence: int = 0
    ) -> AsyncGenerator[CallEvent, None]:
        """Yield a call's events, each once and in order, up to and with `ended`.

        A stream that breaks because the server is unavailable is taken up again where it
        stopped. Breaking off never ends the call.

        :raises OutOfRangeError: the events behind the last one seen are no longer kept.
        """

        async def stream(after: int) -> AsyncGenerator[CallEvent, None]:
            request = pb.WatchEventsRequest(connection_id=connection_id, after_sequence=after)
            answers = self._connection.stream(self._calls.WatchEvents, request)
            async with aclosing(answers):
                async for answer in answers:
                    yield answer.event

        async with aclosing(resumed(stream, after_sequence, self._backoff, self._sleep)) as events:
            async for event in events:
                yield event

    async def telemetry(
        self, connection_id: str = "", *, tenant_id: str = "", interval: timedelta | None = None
    ) -> AsyncGenerator[telemetry_pb.StreamTelemetryResponse, None]:
        """Yield figures of one call until it ends, or of all calls; a break raises."""
        request = telemetry_pb.StreamTelemetryRequest(
            connection_id=connection_id, tenant_id=tenant_id, interval=_duration(interval)
        )
        answers = self._connection.stream(self._telemetry.StreamTelemetry, request)
        async with aclosing(answers):
            async for answer in answers:
                yield answer

    def serve_tools(
        self,
        tools: Mapping[str, ToolFunction],
        *,
        tenant_id: str = "",
        agent_ids: Iterable[str] = (),
        connection_ids: Iterable[str] = (),
        max_concurrent: int = 0,
        leave_within: timedelta = timedelta(seconds=LEAVE_WITHIN_S),
    ) -> AbstractAsyncContextManager[ToolServer]:
        """Execute these functions, by their names, for calls with these agents, for these calls, or
        for every call of the tenant.

        Entering returns once the bridge has registered them, and raises what it refuses with, or
        that it stays away. From then on a lost connection is made anew however long that takes, and
        what was running on it is cancelled. Leaving lets running functions answer first, for as
        long as `leave_within`.
        """
        registration = tool_pb.ToolRegistration(
            tenant_id=tenant_id,
            agent_ids=agent_ids,
            connection_ids=connection_ids,
            tool_names=tools,
            max_concurrent=max_concurrent,
        )
        server = ToolServer(
            tools,
            registration,
            lambda: self._tools.ServeTools(metadata=self._connection.metadata()),
            self._backoff,
            self._sleep,
        )
        return server.serving(leave_within.total_seconds())


def _duration(span: timedelta | None) -> Duration | None:
    if span is None:
        return None
    duration = Duration()
    duration.FromTimedelta(span)
    return duration
