"""What tool servers say becomes domain values here, once; what is wrong is said field by field."""

from collections.abc import Sequence
from typing import Final

from bridge.api.fields import MAX_ID
from bridge.api.violations import Violations
from bridge.errors import FieldViolation, InvalidRequest
from bridge.ids import AgentId, ConnectionId, TenantId
from bridge.ports.tool import (
    MAX_FAILURE_MESSAGE_CHARS,
    MAX_PRIVATE_DETAIL_CHARS,
    TOOL_FAILURE_CODE,
    TOOL_NAME,
    TOOL_NAME_RULE,
    ToolCallId,
    ToolFailure,
    ToolOutcome,
)
from bridge.tools.failures import invalid_result
from bridge.tools.outputs import json_output
from bridge.tools.registration import Registration
from bridge.v1 import tool_service_pb2 as pb

# As in the comments of proto/bridge/v1/tool_service.proto.
_MAX_AGENTS: Final = 100
_MAX_CALLS: Final = 100
_MAX_TOOLS: Final = 128
_MAX_CONCURRENT: Final = 256
_DEFAULT_CONCURRENT: Final = 8


def registration(request: pb.ServeToolsRequest) -> Registration:
    """
    :raises InvalidRequest: it is no registration, or a field of it is wrong.
    """
    if request.WhichOneof("kind") != "register":
        raise unexpected("register", "must be the first message")
    asked, wrong = request.register, Violations()
    wrong.text("register.tenant_id", asked.tenant_id, MAX_ID)
    _check_ids("register.agent_ids", asked.agent_ids, _MAX_AGENTS, wrong)
    _check_ids("register.connection_ids", asked.connection_ids, _MAX_CALLS, wrong)
    _check_names("register.tool_names", asked.tool_names, wrong)
    if not 0 <= asked.max_concurrent <= _MAX_CONCURRENT:
        wrong.add("register.max_concurrent", f"must be 1 to {_MAX_CONCURRENT}")
    wrong.check()
    return Registration(
        tenant_id=TenantId(asked.tenant_id),
        tool_names=frozenset(asked.tool_names),
        max_concurrent=asked.max_concurrent or _DEFAULT_CONCURRENT,
        agent_ids=frozenset(map(AgentId, asked.agent_ids)),
        connection_ids=frozenset(map(ConnectionId, asked.connection_ids)),
    )


def result(answer: pb.ToolResult) -> tuple[ToolCallId, ToolOutcome]:
    """Return what came of which invocation; of one that is wrong, a failure that says so.

    :raises InvalidRequest: it belongs to no invocation.
    """
    if not answer.tool_call_id:
        raise unexpected("result.tool_call_id", "required")
    return ToolCallId(answer.tool_call_id), _outcome(answer)


def unexpected(field: str, description: str) -> InvalidRequest:
    """Return the refusal of a message that has no place in the stream."""
    return InvalidRequest([FieldViolation(field, description)])


def _outcome(answer: pb.ToolResult) -> ToolOutcome:
    match answer.WhichOneof("outcome"):
        case "output_json":
            return json_output(answer.output_json)
        case "error":
            return _failure(answer.error)
        case None:
            return invalid_result("the result has neither output_json nor error")


def _failure(error: pb.ToolError) -> ToolFailure:
    if not TOOL_FAILURE_CODE.fullmatch(error.code):
        return invalid_result("error.code is no code")
    if len(error.message) > MAX_FAILURE_MESSAGE_CHARS:
        return invalid_result(f"error.message has more than {MAX_FAILURE_MESSAGE_CHARS} characters")
    if len(error.private_detail) > MAX_PRIVATE_DETAIL_CHARS:
        return invalid_result(
            f"error.private_detail has more than {MAX_PRIVATE_DETAIL_CHARS} characters"
        )
    return ToolFailure(error.code, error.message, error.private_detail, undone=True)


def _check_ids(field: str, ids: Sequence[str], most: int, wrong: Violations) -> None:
    if len(ids) > most:
        wrong.add(field, f"at most {most}")
    for index, one in enumerate(ids):
        wrong.require(f"{field}[{index}]", one)
        wrong.text(f"{field}[{index}]", one, MAX_ID)


def _check_names(field: str, names: Sequence[str], wrong: Violations) -> None:
    if not 1 <= len(names) <= _MAX_TOOLS:
        wrong.add(field, f"must be 1 to {_MAX_TOOLS} names")
    for index, name in enumerate(names):
        if not TOOL_NAME.fullmatch(name):
            wrong.add(f"{field}[{index}]", f"must be {TOOL_NAME_RULE}")
