"""What is a tool to a gateway: a function of its own, asked by a message and answered by one."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Final

from bridge.v1 import tool_service_pb2 as pb

ToolFunction = Callable[[dict[str, object]], Awaitable[object]]
"""Takes the arguments, and returns anything that can be written as JSON; or raises ToolError."""

# As in the comments of proto/bridge/v1/tool_service.proto.
_MAX_OUTPUT_BYTES: Final = 64 * 1024
_MAX_MESSAGE: Final = 1_000
_MAX_PRIVATE_DETAIL: Final = 4_000
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")

_log = logging.getLogger(__name__)
_running: ContextVar[pb.ToolInvocation] = ContextVar("invocation")


class ToolError(Exception):
    """Raised by a tool that does not do what it is asked for.

    `code` is for programs, `message` for the model, which may repeat it to the caller, and
    `private_detail` for your own people. Texts that are too long are cut.
    """

    def __init__(self, code: str, message: str = "", private_detail: str = "") -> None:
        if not _CODE.fullmatch(code):
            raise ValueError('a code is a letter, then letters, digits, "_", "-", ".", at most 64')
        super().__init__(code)
        self.code = code
        self.message = message
        self.private_detail = private_detail


def current_invocation() -> pb.ToolInvocation:
    """Return what the tool that is running here was asked for: by which call, until when.

    :raises LookupError: none is running here.
    """
    return _running.get()


async def run(tools: Mapping[str, ToolFunction], invocation: pb.ToolInvocation) -> pb.ToolResult:
    """Return what came of an invocation. Of unforeseen errors the bridge learns the name alone."""
    _running.set(invocation)
    try:
        output = _written(await _called(tools, invocation))
    except ToolError as failed:
        return _failed(invocation, failed)
    except Exception as error:  # noqa: BLE001 - a defect of one tool is no defect of all
        _log.error("tool %s failed", invocation.name, exc_info=error)
        kind = type(error).__name__
        return _failed(invocation, ToolError("tool_failed", "This did not work.", kind))
    return pb.ToolResult(tool_call_id=invocation.tool_call_id, output_json=output)


async def _called(tools: Mapping[str, ToolFunction], invocation: pb.ToolInvocation) -> object:
    tool = tools.get(invocation.name)
    if tool is None:
        raise ToolError("unknown_tool", "This cannot be done here.")
    arguments = json.loads(invocation.arguments_json)
    return await tool(arguments)


def _written(output: object) -> str:
    try:
        text = json.dumps(output, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError) as error:
        raise ToolError("invalid_result", "The answer could not be read.", str(error)) from error
    if size > _MAX_OUTPUT_BYTES:
        raise ToolError("output_too_large", "The answer was too long to be read.", f"{size} bytes")
    return text


def _failed(invocation: pb.ToolInvocation, failed: ToolError) -> pb.ToolResult:
    error = pb.ToolError(
        code=failed.code,
        message=failed.message[:_MAX_MESSAGE],
        private_detail=failed.private_detail[:_MAX_PRIVATE_DETAIL],
    )
    return pb.ToolResult(tool_call_id=invocation.tool_call_id, error=error)
