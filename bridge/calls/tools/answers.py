"""What is the model told of a tool: its output, that it works, or why there is no output?"""

from collections.abc import Mapping
from typing import Final

import orjson

from bridge.json_schema import mismatch
from bridge.ports.model_event import FunctionCall
from bridge.ports.tool import (
    MAX_FAILURE_MESSAGE_CHARS,
    MAX_OUTPUT_BYTES,
    MAX_PRIVATE_DETAIL_CHARS,
    TOOL_FAILURE_CODE,
    TOOL_NAME,
    ToolFailure,
    ToolOutcome,
    ToolOutput,
    ToolSpec,
)

_UNKNOWN_EFFECT: Final = "Whether it has taken effect is not known."

TIMEOUT: Final = ToolFailure("timeout", f"It did not answer in time. {_UNKNOWN_EFFECT}")
INTERRUPTED: Final = ToolFailure(
    "interrupted", f"The caller spoke before it was done, so it was stopped. {_UNKNOWN_EFFECT}"
)
CALL_ENDED: Final = ToolFailure("call_ended", f"The call ends. {_UNKNOWN_EFFECT}")
INTERNAL: Final = ToolFailure("internal", f"It could not be executed. {_UNKNOWN_EFFECT}")
UNKNOWN_TOOL: Final = ToolFailure("unknown_tool", "There is no such tool.")
ALREADY_CALLED: Final = ToolFailure(
    "already_called", "It has been called before in this call, and runs only once."
)
TOO_MANY_CALLS: Final = ToolFailure(
    "too_many_calls", "Too many tools have been called. Talk to the caller before you call more."
)
OUTPUT_TOO_LARGE: Final = ToolFailure("output_too_large", "Its output is too large to be told.")

STARTED: Final = orjson.dumps(
    {
        "status": "started",
        "note": "It works, and this may take a while. What came of it will follow as another call "
        "of this tool. Talk on meanwhile, and do not call it again for the same thing.",
    }
).decode()


def checked(call: FunctionCall, tools: Mapping[str, ToolSpec]) -> ToolSpec | ToolFailure:
    """Return the tool that is called, or why it cannot be called so."""
    spec = tools.get(call.name)
    if spec is None:
        return UNKNOWN_TOOL
    try:
        arguments = orjson.loads(arguments_of(call))
    except orjson.JSONDecodeError:
        return ToolFailure("invalid_arguments", "The arguments are no JSON.")
    if not isinstance(arguments, dict):
        return ToolFailure("invalid_arguments", "The arguments are no JSON object.")
    if problem := mismatch(spec.parameters, arguments):
        return ToolFailure("invalid_arguments", f"The arguments do not fit: {problem}")
    return spec


def arguments_of(call: FunctionCall) -> str:
    """Return the arguments; models that have none to give may give nothing at all."""
    return call.arguments.strip() or "{}"


def name_of(call: FunctionCall) -> str:
    """Return the tool's name as it may be told and logged: a model can write anything there."""
    return call.name if TOOL_NAME.fullmatch(call.name) else "?"


def bounded(outcome: ToolOutcome) -> ToolOutcome:
    """Hold an executor to what it promised."""
    match outcome:
        case ToolOutput(output):
            # A lone surrogate cannot be sent to anybody.
            size = len(output.encode(errors="surrogatepass"))
            if size > MAX_OUTPUT_BYTES:
                return OUTPUT_TOO_LARGE
            return ToolOutput(output.encode(errors="replace").decode())
        case ToolFailure(code, message, detail, undone):
            return ToolFailure(
                code if TOOL_FAILURE_CODE.fullmatch(code) else "failed",
                message[:MAX_FAILURE_MESSAGE_CHARS],
                detail[:MAX_PRIVATE_DETAIL_CHARS],
                undone,
            )


def told(outcome: ToolOutcome) -> str:
    """Return an outcome as the model reads it."""
    match outcome:
        case ToolOutput(output):
            return output
        case ToolFailure(code, message):
            return orjson.dumps({"error": {"code": code, "message": message}}).decode()
