"""What executors of tools are told, as messages."""

from bridge.messages.times import timestamp
from bridge.ports.tool import ToolInvocation
from bridge.v1 import tool_service_pb2 as pb


def invocation(asked: ToolInvocation) -> pb.ToolInvocation:
    return pb.ToolInvocation(
        tool_call_id=asked.tool_call_id,
        connection_id=asked.connection_id,
        agent_id=asked.agent_id,
        tenant_id=asked.tenant_id,
        name=asked.name,
        arguments_json=asked.arguments,
        deadline=timestamp(asked.deadline),
        metadata=asked.metadata,
    )
