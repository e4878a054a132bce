"""What is told of a scripted call's tool, once a tool server has answered?"""

from bridge.messages.times import duration
from bridge.v1 import event_pb2, report_pb2, tool_service_pb2


def tool_use(
    invocation: tool_service_pb2.ToolInvocation,
    result: tool_service_pb2.ToolResult,
    took_s: float,
) -> report_pb2.ToolUse:
    """Return what the report says of it."""
    return report_pb2.ToolUse(
        tool_call_id=invocation.tool_call_id,
        name=invocation.name,
        status=_status_of(result.error.code),
        code=result.error.code,
        duration=duration(took_s),
    )


def tool_finished(
    use: report_pb2.ToolUse, result: tool_service_pb2.ToolResult
) -> event_pb2.ToolFinished:
    """Return what watchers are told of it."""
    return event_pb2.ToolFinished(
        tool_call_id=use.tool_call_id,
        name=use.name,
        status=use.status,
        code=use.code,
        duration=use.duration,
        private_detail=result.error.private_detail,
    )


def _status_of(code: str) -> report_pb2.ToolStatus.ValueType:
    match code:
        case "":
            return report_pb2.TOOL_STATUS_SUCCEEDED
        case "timeout":
            return report_pb2.TOOL_STATUS_TIMED_OUT
        case _:
            return report_pb2.TOOL_STATUS_FAILED
