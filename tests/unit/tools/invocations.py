"""Invocations as a conversation makes them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bridge.ids import AgentId, ConnectionId, TenantId
from bridge.ports.clock import Clock
from bridge.ports.tool import ToolCallId, ToolFailure, ToolInvocation, ToolOutcome

TIMEOUT_S = 10.0


def invocation(clock: Clock, number: int = 1, **changes: Any) -> ToolInvocation:
    asked = ToolInvocation(
        tool_call_id=ToolCallId(f"call_{number}"),
        connection_id=ConnectionId("call-1"),
        tenant_id=TenantId("acme"),
        agent_id=AgentId("receptionist"),
        name="find_order",
        arguments='{"number": 7}',
        deadline=clock.now() + timedelta(seconds=TIMEOUT_S),
        metadata={"order": "7"},
    )
    return replace(asked, **changes)


def failure_of(outcome: ToolOutcome) -> ToolFailure:
    assert isinstance(outcome, ToolFailure)
    return outcome
