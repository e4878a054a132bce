"""CallService: calls, from CreateRoom to their report."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

import grpc

from bridge.access.principal import Scope
from bridge.api import call_requests, commands, paging, requests
from bridge.api.asker import about, asker, quotas
from bridge.calls.front.erasure import Erasure
from bridge.calls.front.reception import Reception
from bridge.calls.front.registry import Registry
from bridge.calls.front.request import CallRequest
from bridge.messages import convert
from bridge.messages.times import timestamp
from bridge.ports.control import Refused
from bridge.ports.placement import CallPosition
from bridge.v1 import call_service_pb2 as pb
from bridge.v1 import call_service_pb2_grpc, event_pb2

NAME: Final = "bridge.v1.CallService"

# Clients take 4 MiB a message unless they ask for more; a call is 100 KiB at the very most.
_MAX_PAGE_BYTES: Final = 3 * 1024 * 1024

Context = grpc.aio.ServicerContext[Any, Any]


class CallService(call_service_pb2_grpc.CallServiceServicer):
    """Parses, asks the domain, converts. Refusals become statuses further out."""

    def __init__(self, reception: Reception, registry: Registry, erasure: Erasure) -> None:
        self._reception = reception
        self._registry = registry
        self._erasure = erasure

    async def CreateRoom(
        self, request: pb.CreateRoomRequest, _context: Context
    ) -> pb.CreateRoomResponse:
        admission = await self._reception.create(_granted(call_requests.create_room(request)))
        about(admission.view.connection_id)
        return pb.CreateRoomResponse(
            connection_id=admission.view.connection_id,
            room_name=admission.view.spec.room_name,
            access_token=admission.token.jwt,
            server_url=admission.server_url,
            status="created",
            participant_id=admission.identity,
            token_expire_time=timestamp(admission.token.expires_at),
            call=convert.call(admission.view),
            capacity_remaining=await self._registry.slots_free(asker().tenant_id),
        )

    async def JoinRoom(self, request: pb.JoinRoomRequest, _context: Context) -> pb.JoinRoomResponse:
        asked, room_name = call_requests.join_room(request)
        admission = await self._reception.join(_granted(asked), room_name)
        about(admission.view.connection_id)
        return pb.JoinRoomResponse(
            connection_id=admission.view.connection_id,
            room_name=admission.view.spec.room_name,
            access_token=admission.token.jwt,
            server_url=admission.server_url,
            status="joined",
            participant_id=admission.identity,
            token_expire_time=timestamp(admission.token.expires_at),
            call=convert.call(admission.view),
        )

    async def EndCall(self, request: pb.EndCallRequest, _context: Context) -> pb.EndCallResponse:
        connection_id = about(requests.connection_id(request.connection_id))
        view, already_ended = await self._registry.end(connection_id, asker().tenant_id)
        return pb.EndCallResponse(
            status="success",
            message="Call had already ended" if already_ended else "Call ended successfully",
            call=convert.call(view),
            already_ended=already_ended,
        )

    async def ControlCall(
        self, request: pb.ControlCallRequest, _context: Context
    ) -> pb.ControlCallResponse:
        connection_id, command_id, command = commands.control_call(request)
        about(connection_id)
        outcome = await self._registry.control(
            connection_id, asker().tenant_id, command_id, command
        )
        response = pb.ControlCallResponse(
            command_id=command_id,
            outcome=pb.CONTROL_OUTCOME_APPLIED,
            connection_id=connection_id,
        )
        if isinstance(outcome, Refused):
            response.outcome = pb.CONTROL_OUTCOME_REFUSED
            response.reason, response.message = outcome.reason, outcome.message
        return response

    async def GetConnectionStatus(
        self, request: pb.GetConnectionStatusRequest, _context: Context
    ) -> pb.GetConnectionStatusResponse:
        connection_id = about(requests.connection_id(request.connection_id))
        view = await self._registry.view(connection_id, asker().tenant_id)
        return pb.GetConnectionStatusResponse(
            connection_id=view.connection_id,
            room_name=view.spec.room_name,
            participant_id=view.spec.caller_identity,
            is_active=not view.is_over,
            is_ai_ready=view.is_ai_ready,
            agent_id=view.spec.agent.agent_id,
            created_at=timestamp(view.spec.created_at),
            last_activity=timestamp(view.last_activity_at),
            call=convert.call(view),
        )

    async def ListCalls(
        self, request: pb.ListCallsRequest, _context: Context
    ) -> pb.ListCallsResponse:
        calls, page_size = requests.list_calls(request)
        after = paging.position(request)
        views = await self._registry.page(calls, after, page_size + 1)
        response = pb.ListCallsResponse()
        size = 0
        for view in views[:page_size]:
            response.calls.append(convert.call(view))
            size += response.calls[-1].ByteSize()
            if size > _MAX_PAGE_BYTES:
                break
        if len(views) > len(response.calls):
            last = CallPosition.of(views[len(response.calls) - 1])
            response.next_page_token = paging.token(request, last)
        return response

    async def ListAgents(
        self, request: pb.ListAgentsRequest, _context: Context
    ) -> pb.ListAgentsResponse:
        agents = self._reception.agents(requests.list_agents(request))
        return pb.ListAgentsResponse(
            agents=[
                pb.AgentSummary(
                    agent_id=agent.agent_id,
                    name=agent.name,
                    languages=agent.languages,
                    default_language=agent.languages[0],
                )
                for agent in agents
            ]
        )

    async def GetCallReport(
        self, request: pb.GetCallReportRequest, _context: Context
    ) -> pb.GetCallReportResponse:
        connection_id = about(requests.connection_id(request.connection_id))
        report = await self._registry.report(connection_id, asker().tenant_id)
        return pb.GetCallReportResponse(report=convert.report(report))

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, _context: Context
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        connection_id, after = requests.watch(request)
        about(connection_id)
        tenant_id = asker().tenant_id
        async for event in await self._registry.watch(connection_id, tenant_id, after):
            yield pb.WatchEventsResponse(event=event_pb2.CallEvent.FromString(event.payload))

    async def DeleteCallData(
        self, request: pb.DeleteCallDataRequest, _context: Context
    ) -> pb.DeleteCallDataResponse:
        connection_id = about(requests.connection_id(request.connection_id))
        erased = await self._erasure.erase(connection_id, asker().tenant_id)
        return pb.DeleteCallDataResponse(
            connection_id=connection_id,
            events_deleted=erased.records.events,
            report_deleted=erased.records.report,
            recordings_deleted=len(erased.recordings),
            webhooks_deleted=erased.records.webhooks,
            recordings_left=erased.recordings_left,
        )


def _granted(asked: CallRequest) -> CallRequest:
    """Return the request, with what whoever asks is allowed."""
    return replace(
        asked,
        quotas=quotas(asked.agent.tenant_id),
        may_enter_rooms=asker().may(Scope.ROOMS_ENTER),
    )
