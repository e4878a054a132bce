"""Why executors fail, in words that a model may repeat to a caller."""

from typing import Final

from bridge.ports.tool import MAX_OUTPUT_BYTES, ToolFailure
from bridge.tools.arguments import UnusableArguments

NO_TOOL_SERVER: Final = ToolFailure(
    "no_tool_server",
    "Nobody is there to do this at the moment.",
    "no gateway has registered",
    undone=True,
)
TOOL_SERVER_BUSY: Final = ToolFailure(
    "tool_server_busy",
    "Too many others are asking for this at the moment.",
    "every registered gateway has max_concurrent invocations under way",
    undone=True,
)
TOOL_SERVER_LOST: Final = ToolFailure(
    "tool_server_lost",
    "The connection broke. It is not known whether this was done.",
    "the gateway's stream ended before its result came",
)
TIMEOUT: Final = ToolFailure("timeout", "The service took too long.")
OUTPUT_TOO_LARGE: Final = ToolFailure(
    "output_too_large",
    "The answer was too long to be read.",
    f"the output has more than {MAX_OUTPUT_BYTES} bytes",
)


def not_set_up(code: str, detail: str) -> ToolFailure:
    """Return the failure of a tool that its operator has to mend."""
    return ToolFailure(code, "This is not set up.", detail, undone=True)


def invalid_result(detail: str) -> ToolFailure:
    """Return the failure of a tool that has answered what nobody can read."""
    return ToolFailure("invalid_result", "The answer could not be read.", detail)


def unusable(wrong: UnusableArguments) -> ToolFailure:
    """Return the failure of a tool whose arguments the model has to mend."""
    message = f"These arguments cannot be used: {wrong}."
    return ToolFailure("invalid_arguments", message, undone=True)
