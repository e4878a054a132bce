"""Where calls are asked for: who gets one, and who gets into one that there is."""

from dataclasses import dataclass, replace

from bridge.calls.front.earlier import context_of
from bridge.calls.front.placing import Placing, is_leaving, room_taken
from bridge.calls.front.registry import Registry
from bridge.calls.front.request import CallRequest, settled_by_a_call
from bridge.calls.front.terms import Terms
from bridge.calls.retry import ROOM_RETRY_S
from bridge.errors import (
    FieldViolation,
    InvalidRequest,
    NotFound,
    RoomError,
    Unavailable,
    WrongState,
)
from bridge.ids import Identity, RoomName, TenantId, new_caller_identity
from bridge.ports.agent import AgentCatalogue, AgentSummary, ResolvedAgent
from bridge.ports.call import CallView
from bridge.ports.placement import Directory, Placed
from bridge.ports.room import AccessToken, RoomService


@dataclass(frozen=True, slots=True)
class Admission:
    """A human's way into a call."""

    view: CallView
    identity: Identity
    token: AccessToken
    server_url: str


class Reception:
    """The front's desk. Holds no truth of its own: it asks placing, directory and registry."""

    def __init__(
        self,
        *,
        agents: AgentCatalogue,
        rooms: RoomService,
        directory: Directory,
        registry: Registry,
        terms: Terms,
        placing: Placing,
    ) -> None:
        self._agents = agents
        self._rooms = rooms
        self._directory = directory
        self._registry = registry
        self._terms = terms
        self._placing = placing

    def agents(self, tenant_id: TenantId) -> list[AgentSummary]:
        """Return the agents that the tenant may ask for, by their ids."""
        found = self._agents.summaries(tenant_id)
        return [found[agent_id] for agent_id in sorted(found)]

    async def create(self, request: CallRequest) -> Admission:
        """Begin a call in a room of its own.

        :raises Refusal: as CreateRoom documents.
        """
        if request.room_name is not None:
            await self._check_room_is_new(request)
        return await self._begin(request, request.room_name, foreign=False)

    async def join(self, request: CallRequest, room_name: RoomName) -> Admission:
        """Let a human into the room's call; where it has none, send an agent into the room.

        :raises Refusal: as JoinRoom documents.
        """
        placed = await self._directory.in_room(room_name)
        if placed is None or not _is_of_tenant(request, placed):
            # A room of another tenant's is held to just the same: it is not there.
            await self._check_room_can_be_entered(request, room_name)
            # Somebody else may have asked for the same meanwhile.
            placed = await self._directory.in_room(room_name)
        if placed is None or (placed.view.spec.foreign_room and _is_retry(request, placed)):
            return await self._begin(request, room_name, foreign=True)
        return self._join_call(request, placed)

    async def _begin(
        self, request: CallRequest, room_name: RoomName | None, *, foreign: bool
    ) -> Admission:
        # Whatever is wrong with the request is said before it takes a slot.
        agent = await self._agent(request)
        spec = self._terms.settle(request, agent, room_name, foreign=foreign)
        match await self._placing.place(spec, request.request_key, request.quotas):
            case CallView() as view:
                return self._admission(view, view.spec.caller_identity, request)
            case Placed() as holder:
                return self._join_call(request, holder)

    async def _agent(self, request: CallRequest) -> ResolvedAgent:
        """Return the agent as it is for this call, with all that it is to know."""
        agent = self._agents.resolve(request.agent)
        context = await context_of(
            self._registry, request.agent.tenant_id, request.prior_connection_id, request.context
        )
        return replace(agent, model=replace(agent.model, context=context))

    def _join_call(self, request: CallRequest, placed: Placed) -> Admission:
        view = self._registry.live(placed.view)
        asked, agent = request.agent, view.spec.agent
        if not _is_of_tenant(request, placed):
            raise _no_room(view.spec.room_name)
        if asked.agent_id and asked.agent_id != agent.agent_id:
            raise WrongState(
                "OTHER_AGENT",
                "the room's call has another agent",
                {"agent_id": agent.agent_id, "connection_id": view.connection_id},
            )
        if is_leaving(view):
            raise WrongState(
                "CALL_ENDED", "the room's call is over", {"connection_id": view.connection_id}
            )
        violations = settled_by_a_call(request)
        if violations:
            raise InvalidRequest(violations)
        return self._admission(view, new_caller_identity(), request)

    def _admission(self, view: CallView, identity: Identity, request: CallRequest) -> Admission:
        ttl_s = self._terms.token_ttl_s(request.token_ttl_s)
        token = self._rooms.mint_caller_token(
            view.spec.room_name, identity, request.caller_name, ttl_s
        )
        return Admission(view, identity, token, self._rooms.url)

    async def _check_room_is_new(self, request: CallRequest) -> None:
        assert request.room_name is not None  # noqa: S101 - asked only where a name is given
        # LiveKit first: a first try under way is in the directory before its room is on LiveKit.
        exists = await self._room_exists(request.room_name)
        placed = await self._directory.in_room(request.room_name)
        if placed is not None and _is_retry(request, placed):
            return  # the placer knows what to make of it
        if placed is not None or exists:
            raise room_taken(request.room_name)

    async def _check_room_can_be_entered(self, request: CallRequest, room_name: RoomName) -> None:
        if not request.agent.agent_id:
            raise InvalidRequest(
                [FieldViolation("agent_id", "required: this room belongs to no call")]
            )
        if not request.may_enter_rooms or not await self._room_exists(room_name):
            raise _no_room(room_name)

    async def _room_exists(self, room_name: RoomName) -> bool:
        try:
            return await self._rooms.exists(room_name)
        except RoomError as error:
            raise Unavailable("LIVEKIT_UNAVAILABLE", str(error), ROOM_RETRY_S) from error


def _no_room(room_name: RoomName) -> NotFound:
    return NotFound("ROOM_NOT_FOUND", "no such room", {"room_name": room_name})


def _is_of_tenant(request: CallRequest, placed: Placed) -> bool:
    return request.agent.tenant_id == placed.view.spec.tenant_id


def _is_retry(request: CallRequest, placed: Placed) -> bool:
    """Tell whether the call was begun under the request's own id."""
    key, spec = request.request_key, placed.view.spec
    return key is not None and (key.tenant_id, key.request_id) == (spec.tenant_id, spec.request_id)
