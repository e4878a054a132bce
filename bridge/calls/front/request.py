"""What is asked of the reception: a call, and how it is to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.errors import FieldViolation
from bridge.ids import ConnectionId, RoomName
from bridge.ports.agent import AgentRequest
from bridge.ports.budget import Budget
from bridge.ports.call import StartPolicy
from bridge.ports.model_config import ContextItem
from bridge.ports.placement import Quota, RequestKey
from bridge.ports.recording import RecordingChange
from bridge.retention import Retention


@dataclass(frozen=True, slots=True)
class AskedLimits:
    """What a request says of limits; None takes the agent's, then the server's."""

    join_timeout_s: float | None = None
    max_duration_s: float | None = None
    rejoin_grace_s: float | None = None
    time_exceeded_text: str | None = field(default=None, repr=False)


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
    recording: RecordingChange | None = None
    retention: Retention | None = None
    webhooks: frozenset[str] | None = None
    """Endpoints by their names; None: as the operator has it."""


def settled_by_a_call(request: CallRequest) -> list[FieldViolation]:
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
        "recording": request.recording is not None,
        "retention": request.retention is not None,
        "webhooks": request.webhooks is not None,
    }
    return [
        FieldViolation(name, "the room belongs to a call, which has this settled")
        for name, given in asked.items()
        if given
    ]
