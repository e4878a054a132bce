"""Which tools of which calls has a tool server registered for."""

from dataclasses import dataclass, field
from enum import IntEnum

from bridge.ids import AgentId, ConnectionId, TenantId
from bridge.ports.tool import ToolInvocation


class Reach(IntEnum):
    """How closely a registration is about a call; the closest is asked first."""

    CALL = 0
    AGENT = 1
    TENANT = 2


@dataclass(frozen=True, slots=True)
class Registration:
    """What a tool server has said of itself."""

    tenant_id: TenantId
    tool_names: frozenset[str]
    max_concurrent: int
    agent_ids: frozenset[AgentId] = field(default_factory=frozenset)
    connection_ids: frozenset[ConnectionId] = field(default_factory=frozenset)

    def reach(self, invocation: ToolInvocation) -> Reach | None:
        """Return how closely this is about the invocation's call; None: not at all."""
        if invocation.tenant_id != self.tenant_id or invocation.name not in self.tool_names:
            return None
        if invocation.connection_id in self.connection_ids:
            return Reach.CALL
        if invocation.agent_id in self.agent_ids:
            return Reach.AGENT
        return None if self.connection_ids or self.agent_ids else Reach.TENANT
