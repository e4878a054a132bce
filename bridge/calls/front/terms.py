"""What holds for a call that begins: said by the request, else by its agent, else by the server."""

from dataclasses import dataclass, field, fields, replace
from typing import Final

from bridge.calls.front.allowance import Allowances
from bridge.calls.front.request import AskedLimits, CallRequest
from bridge.errors import FieldViolation, InvalidRequest
from bridge.ids import RoomName, new_caller_identity, new_connection_id, room_name_for
from bridge.ports.agent import ResolvedAgent
from bridge.ports.call import CallLimits, CallSpec, StartPolicy
from bridge.ports.clock import Clock
from bridge.ports.recording import RecordingChange, RecordingPlan
from bridge.ports.webhook import EndpointNames
from bridge.retention import Retention, RetentionRules, tightest

# How much of what was asked for is told back.
_SHOWN: Final = 200

# What agent and request may each say in place of the server.
_LIMITS: Final = tuple(one.name for one in fields(AskedLimits))


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What calls get where nobody says otherwise, and what they get at most."""

    defaults: CallLimits
    longest_duration_s: float
    token_ttl_s: float
    records: bool = False
    """There is a place for recordings."""
    retention: RetentionRules = field(default_factory=RetentionRules)


class Terms:
    """Settles what holds for a call before it takes a slot."""

    def __init__(
        self,
        limits: ServerLimits,
        allowances: Allowances,
        clock: Clock,
        endpoints: EndpointNames = lambda _: frozenset(),
    ) -> None:
        """
        :param endpoints: returns the names of a tenant's webhook endpoints.
        """
        self._endpoints = endpoints
        self._limits = limits
        self._allowances = allowances
        self._clock = clock

    def token_ttl_s(self, asked_s: float | None) -> float:
        return asked_s or self._limits.token_ttl_s

    def settle(
        self,
        request: CallRequest,
        agent: ResolvedAgent,
        room_name: RoomName | None,
        *,
        foreign: bool,
    ) -> CallSpec:
        """Give the call its id, its room's name, and all that was left open.

        :raises InvalidRequest: it asks for more than this server allows or has.
        :raises WrongState: its money is limited, but nobody knows what it costs.
        """
        connection_id = new_connection_id()
        key = request.request_key
        allowance = self._allowances.of(agent, request.agent.tenant_id, request.budget)
        allowed = self._limits.retention.of(request.agent.tenant_id)
        retention = tightest(allowed, agent.retention, request.retention)
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
            recording=self._recording_of(request, agent, retention),
            retention=retention,
            webhooks=self._webhooks_of(request),
        )

    def _webhooks_of(self, request: CallRequest) -> frozenset[str] | None:
        if request.webhooks is None:
            return None
        # Another tenant's endpoint is not there, in just these words.
        unknown = sorted(request.webhooks - self._endpoints(request.agent.tenant_id))
        if unknown:
            problem = "this tenant has no such endpoint: " + ", ".join(unknown)[:_SHOWN]
            raise InvalidRequest([FieldViolation("webhooks.endpoints", problem)])
        return request.webhooks

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

    def _recording_of(
        self, request: CallRequest, agent: ResolvedAgent, retention: Retention
    ) -> RecordingPlan | None:
        plan = plan_of(request.recording, agent.recording)
        if plan is not None and not retention.keeps(Retention.TRANSCRIPT):
            # Whose words may not be kept, their sound may not either.
            if request.recording is None:
                return None
            problem = f"no word of this call may be kept: its retention is {retention.value}"
            raise InvalidRequest([FieldViolation("recording", problem)])
        if plan is not None and not self._limits.records:
            raise InvalidRequest(
                [FieldViolation("recording", "this server has no place for recordings")]
            )
        return plan


def plan_of(asked: RecordingChange | None, own: RecordingPlan | None) -> RecordingPlan | None:
    """Return how a call is recorded whose agent has a plan of its own, or none."""
    if asked is None:
        return own
    if asked.enabled is False:
        return None
    plan = own or RecordingPlan()
    return RecordingPlan(
        format=asked.format or plan.format,
        paused=plan.paused if asked.paused is None else asked.paused,
    )
