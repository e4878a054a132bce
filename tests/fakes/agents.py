"""Agents as a test names them, and a call with one of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from bridge.errors import NotFound
from bridge.ids import AgentId, ConnectionId, Identity, RoomName, TenantId
from bridge.ports.agent import (
    AgentRequest,
    AgentSummary,
    ResolvedAgent,
    SayGreeting,
    UserFirst,
)
from bridge.ports.budget import Budget
from bridge.ports.call import CallLimits, CallSpec, StartPolicy
from bridge.ports.model_config import ModelConfig
from bridge.ports.tool import ToolSpec

GREETER = ResolvedAgent(
    agent_id=AgentId("greeter"),
    name="Ava",
    language="en",
    model=ModelConfig(model="m", instructions="Be kind.", voice="v"),
    greeting=SayGreeting("Welcome."),
)
SILENT = replace(
    GREETER,
    greeting=UserFirst(),
    model=replace(
        GREETER.model,
        tools=(ToolSpec("hang_up", "Ends the call.", {"type": "object"}, terminal=True),),
    ),
)
LIMITS = CallLimits(join_timeout_s=30, max_duration_s=600, rejoin_grace_s=20)

SPEC = CallSpec(
    connection_id=ConnectionId("call-1"),
    room_name=RoomName("room-1"),
    foreign_room=False,
    tenant_id=TenantId("acme"),
    request_id="",
    caller_identity=Identity("caller-1"),
    caller_name="Ada",
    agent=SILENT,
    limits=LIMITS,
    start_policy=StartPolicy.ON_CREATE,
    metadata={},
    # When a FakeClock begins.
    created_at=datetime(2026, 1, 1, 0, 16, 40, tzinfo=UTC),
    budget=Budget(max_tokens=10**9),
)


def numbered(number: int, spec: CallSpec = SPEC) -> CallSpec:
    """Return the same call under another id, in another room."""
    return replace(
        spec, connection_id=ConnectionId(f"call-{number}"), room_name=RoomName(f"room-{number}")
    )


class FakeAgents:
    """An `AgentCatalogue` of agents given to it; `private` ones are their tenant's alone."""

    def __init__(
        self, *agents: ResolvedAgent, private: Mapping[AgentId, TenantId] | None = None
    ) -> None:
        self._agents = {agent.agent_id: agent for agent in agents}
        self._private = dict(private or {})

    def resolve(self, request: AgentRequest) -> ResolvedAgent:
        owner = self._private.get(request.agent_id, request.tenant_id)
        agent = self._agents.get(request.agent_id)
        if agent is None or owner != request.tenant_id:
            raise NotFound(
                "AGENT_NOT_FOUND", "there is no such agent", {"agent_id": request.agent_id}
            )
        return agent

    def summaries(self, tenant_id: TenantId) -> Mapping[AgentId, AgentSummary]:
        return {
            agent_id: AgentSummary(agent_id, agent.name, (agent.language,))
            for agent_id, agent in self._agents.items()
            if self._private.get(agent_id, tenant_id) == tenant_id
        }
