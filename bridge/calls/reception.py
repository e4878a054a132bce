"""Where calls are asked for: who gets one, and who gets into one that there is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final, assert_never

from bridge.calls.allowance import Allowances
from bridge.calls.earlier import context_of
from bridge.calls.registry import Registry
from bridge.calls.retry import FULL_RETRY_S, ROOM_RETRY_S
from bridge.errors import (
    AlreadyExists,
    Exhausted,
    FieldViolation,
    InvalidRequest,
    NotFound,
    RoomError,
    Unavailable,
    WrongState,
)
from bridge.ids import (
    ConnectionId,
    Identity,
    RoomName,
    TenantId,
    new_caller_identity,
    new_connection_id,
    room_name_for,
)
from bridge.logs import get_logger
from bridge.ports.agent import AgentCatalogue, AgentRequest, AgentSummary, ResolvedAgent
from bridge.ports.budget import Budget
from bridge.ports.call import CallLimits, CallSpec, CallState, CallView, StartPolicy
from bridge.ports.clock import Clock
from bridge.ports.model_config import ContextItem
from bridge.ports.placement import (
    Directory,
    Existing,
    Full,
    KeyReused,
    OverQuota,
    Placed,
    Placer,
    Quota,
    RequestKey,
    Reservation,
)
from bridge.ports.room import AccessToken, RoomService

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AskedLimits:
    """What a request says of limits; None takes the agent's, then the server's."""

    join_timeout_s: float | None = None
    max_duration_s: float | None = None
    rejoin_grace_s: float | None = None
    time_exceeded_text: str | None = field(default=None, repr=False)


# What agent and request may each say in place of the server.
_LIMITS: Final = tuple(one.name for one in fields(AskedLimits))


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call that is asked for. Shape and ranges have been checked."""

    agent: AgentRequest
    caller_name: str
    token_ttl_s: float | None = None
    room_name: RoomName | None = None
    may_enter_rooms: bool = False
    """Whoever asks may send an agent into a room that is no call's here."""
    quotas: tuple[Quota, ...] = ()
    request_key: RequestKey | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    limits: AskedLimits = field(default_factory=AskedLimits)
    start_policy: StartPolicy | None = None
    prior_connection_id: ConnectionId | None = None
    context: tuple[ContextItem, ...] = field(default=(), repr=False)
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Admission:
    """A human's way into a call."""

    view: CallView
    identity: Identity
    token: AccessToken
    server_url: str


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What calls get where nobody says otherwise, and what they get at most."""

    defaults: CallLimits
    longest_duration_s: float
    token_ttl_s: float


class Reception:
    """The front's desk. Holds no truth of its own: it asks placer, directory and hosts."""

    def __init__(
        self,
        *,
        agents: AgentCatalogue,
        rooms: RoomService,
        placer: Placer,
        directory: Directory,
        registry: Registry,
        clock: Clock,
        limits: ServerLimits,
        allowances: Allowances,
    ) -> None:
        self._agents = agents
        self._rooms = rooms
        self._placer = placer
        self._directory = directory
        self._registry = registry
        self._clock = clock
        self._limits = limits
        self._allowances = allowances

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
        spec = self._spec(request, agent, room_name, foreign=foreign)
        reserving = self._placer.reserve(spec.connection_id, request.request_key, request.quotas)
        match await reserving:
            case Existing() as existing:
                return await self._again(request, existing.connection_id)
            case KeyReused():
                raise AlreadyExists("REQUEST_ID_REUSED", "request_id was used with another request")
            case OverQuota(limit, most, retry_after_s):
                raise Exhausted(
                    "LIMIT_REACHED",
                    f"{limit} is {most}, and that is reached",
                    FULL_RETRY_S if retry_after_s is None else retry_after_s,
                    {"limit": limit, "most": str(most)},
                )
            case Full():
                self._registry.count_refusal(spec.tenant_id)
                raise Exhausted(
                    "NO_FREE_SLOT", "every slot is taken", FULL_RETRY_S, {"limit": "slots"}
                )
            case Reservation() as reservation:
                await self._check_tenant_may_spend(spec)
                return await self._place(request, spec, reservation)
            case other:
                assert_never(other)

    async def _agent(self, request: CallRequest) -> ResolvedAgent:
        """Return the agent as it is for this call, with all that it is to know."""
        agent = self._agents.resolve(request.agent)
        context = await context_of(
            self._registry, request.agent.tenant_id, request.prior_connection_id, request.context
        )
        return replace(agent, model=replace(agent.model, context=context))

    async def _check_tenant_may_spend(self, spec: CallSpec) -> None:
        # Only now: a retry of a call that there is gets it, whatever its tenant has spent since.
        try:
            await self._allowances.check(spec.tenant_id, spec.tenant_budget)
        except Exception:
            await self._placer.release(spec.connection_id, forget_request=True)
            raise

    async def _place(
        self, request: CallRequest, spec: CallSpec, reservation: Reservation
    ) -> Admission:
        placed = Placed(
            CallView(spec, reservation.host_id, last_activity_at=spec.created_at),
            reservation.host_id,
            reservation.epoch,
        )
        taken = await self._directory.add(placed)
        if taken is not None:
            await self._placer.release(spec.connection_id, forget_request=True)
            holder = await self._directory.get(taken.connection_id)
            if spec.foreign_room and holder is not None:
                return self._join_call(request, holder)
            raise _room_taken(spec.room_name)
        try:
            view = await self._registry.host(reservation.host_id).start(spec, reservation.epoch)
        except Exception:
            # The host does this, too, where it tried; it may have refused, or not be reached.
            await self._directory.remove(spec.connection_id)
            await self._placer.release(spec.connection_id, forget_request=True)
            raise
        _log.info("call created", connection_id=spec.connection_id, agent_id=spec.agent.agent_id)
        return self._admission(view, spec.caller_identity, request)

    async def _again(self, request: CallRequest, connection_id: ConnectionId) -> Admission:
        """Answer a retry: the same call, a fresh token."""
        placed = await self._directory.get(connection_id)
        if placed is None or _is_leaving(self._registry.live(placed.view)):
            raise WrongState(
                "CALL_ENDED",
                "the call of this request_id has ended",
                {"connection_id": connection_id},
            )
        host = self._registry.host(placed.host_id)
        # The first try may be under way still: this joins it.
        view = host.view(connection_id) or await host.start(placed.view.spec, placed.epoch)
        return self._admission(view, view.spec.caller_identity, request)

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
        if _is_leaving(view):
            raise WrongState(
                "CALL_ENDED", "the room's call is over", {"connection_id": view.connection_id}
            )
        violations = _settled_by_the_call(request)
        if violations:
            raise InvalidRequest(violations)
        return self._admission(view, new_caller_identity(), request)

    def _admission(self, view: CallView, identity: Identity, request: CallRequest) -> Admission:
        ttl_s = request.token_ttl_s or self._limits.token_ttl_s
        token = self._rooms.mint_caller_token(
            view.spec.room_name, identity, request.caller_name, ttl_s
        )
        return Admission(view, identity, token, self._rooms.url)

    def _spec(
        self,
        request: CallRequest,
        agent: ResolvedAgent,
        room_name: RoomName | None,
        *,
        foreign: bool,
    ) -> CallSpec:
        connection_id = new_connection_id()
        key = request.request_key
        allowance = self._allowances.of(agent, request.agent.tenant_id, request.budget)
        return CallSpec(
            connection_id=connection_id,
            room_name=room_name or room_name_for(connection_id),
            foreign_room=foreign,
            tenant_id=request.agent.tenant_id,
            request_id=key.request_id if key else "",
            caller_identity=new_caller_identity(),
            caller_name=request.caller_name,
            agent=agent,
            limits=self._limits_for(request.limits, agent),
            start_policy=request.start_policy or StartPolicy.ON_CREATE,
            metadata=dict(request.metadata),
            created_at=self._clock.now(),
            prices=allowance.prices,
            budget=allowance.budget,
            tenant_budget=allowance.tenant_budget,
        )

    def _limits_for(self, asked: AskedLimits, agent: ResolvedAgent) -> CallLimits:
        limits = self._limits.defaults
        for layer in (agent.limits, asked):
            given = {name: value for name in _LIMITS if (value := getattr(layer, name)) is not None}
            limits = replace(limits, **given)
        longest_s = self._limits.longest_duration_s
        if (asked.max_duration_s or 0.0) > longest_s:
            raise InvalidRequest(
                [FieldViolation("limits.max_duration", f"at most {longest_s:.0f} s here")]
            )
        # An agent that allows itself more than this server does is no mistake of the caller.
        return replace(limits, max_duration_s=min(limits.max_duration_s, longest_s))

    async def _check_room_is_new(self, request: CallRequest) -> None:
        assert request.room_name is not None  # noqa: S101 - asked only where a name is given
        # LiveKit first: a first try under way is in the directory before its room is on LiveKit.
        exists = await self._room_exists(request.room_name)
        placed = await self._directory.in_room(request.room_name)
        if placed is not None and _is_retry(request, placed):
            return  # the placer knows what to make of it
        if placed is not None or exists:
            raise _room_taken(request.room_name)

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


def _room_taken(room_name: RoomName) -> AlreadyExists:
    return AlreadyExists("ROOM_TAKEN", "room_name is in use", {"room_name": room_name})


def _no_room(room_name: RoomName) -> NotFound:
    return NotFound("ROOM_NOT_FOUND", "no such room", {"room_name": room_name})


def _is_of_tenant(request: CallRequest, placed: Placed) -> bool:
    return request.agent.tenant_id == placed.view.spec.tenant_id


def _is_retry(request: CallRequest, placed: Placed) -> bool:
    """Tell whether the call was begun under the request's own id."""
    key, spec = request.request_key, placed.view.spec
    return key is not None and (key.tenant_id, key.request_id) == (spec.tenant_id, spec.request_id)


def _is_leaving(view: CallView) -> bool:
    return view.state in (CallState.ENDING, CallState.ENDED)


def _settled_by_the_call(request: CallRequest) -> list[FieldViolation]:
    """Return what a request wants of a call that has begun without it."""
    asked = {
        "metadata": bool(request.metadata),
        "agent": request.agent.overrides != type(request.agent.overrides)(),
        "variables": bool(request.agent.variables),
        "limits": request.limits != AskedLimits(),
        "start_policy": request.start_policy is not None,
        "prior_connection_id": request.prior_connection_id is not None,
        "initial_messages": bool(request.context),
        "budget": bool(request.budget),
    }
    return [
        FieldViolation(name, "the room belongs to a call, which has this settled")
        for name, given in asked.items()
        if given
    ]
