"""What MCP servers say, in our words: the tools they offer, and what came of calling one."""

from typing import Final

import orjson
from mcp import MCPError
from mcp.types import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    REQUEST_TIMEOUT,
    CallToolResult,
    TextContent,
    Tool,
)

from bridge.ports.tool import (
    MAX_FAILURE_MESSAGE_CHARS,
    MAX_TOOL_PARAMETERS_CHARS,
    OfferedTool,
    ToolFailure,
    ToolOutcome,
)
from bridge.tools.failures import TIMEOUT
from bridge.tools.outputs import json_output

# Servers write more than a file may say; what is beyond would cost every call tokens.
_MAX_DESCRIPTION: Final = 4_096

# There is no session any more, or the server does not know it.
_SESSION_OVER: Final = frozenset({CONNECTION_CLOSED, INVALID_REQUEST})


def offered(tool: Tool) -> OfferedTool | None:
    """Return the tool as a model may be told of it; None: its schema is too large for one."""
    description = (tool.description or tool.title or "")[:_MAX_DESCRIPTION]
    if len(orjson.dumps(tool.input_schema).decode()) > MAX_TOOL_PARAMETERS_CHARS:
        return None
    return OfferedTool(tool.name, description, tool.input_schema)


def outcome_of(result: CallToolResult) -> ToolOutcome:
    """Return the structured content, or else the texts; of images and sounds there are none."""
    texts = [part.text for part in result.content if isinstance(part, TextContent)]
    if result.is_error:
        # Meant for the model, so that it can do better.
        return ToolFailure("tool_failed", "\n".join(texts)[:MAX_FAILURE_MESSAGE_CHARS], undone=True)
    if result.structured_content is not None:
        return json_output(orjson.dumps(result.structured_content))
    return json_output(orjson.dumps("\n".join(texts)))


def failure_of(error: MCPError) -> ToolFailure:
    """Return why there is no result. What the error says may quote anything: its code is kept."""
    detail = f"MCP error {error.code}"
    if error.code == REQUEST_TIMEOUT:
        return TIMEOUT
    if is_session_over(error):
        message = "The connection broke. It is not known whether this was done."
        return ToolFailure("mcp_lost", message, detail)
    return ToolFailure("mcp_error", "The service refused.", detail)


def is_session_over(error: MCPError) -> bool:
    return error.code in _SESSION_OVER
