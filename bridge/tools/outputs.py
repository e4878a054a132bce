"""What a tool's output must be before a model may read it."""

import orjson

from bridge.ports.tool import MAX_OUTPUT_BYTES, ToolOutcome, ToolOutput
from bridge.tools.failures import OUTPUT_TOO_LARGE, invalid_result


def json_output(text: str | bytes) -> ToolOutcome:
    """Return the output, unless it is too large or no JSON."""
    raw = text.encode() if isinstance(text, str) else text
    if len(raw) > MAX_OUTPUT_BYTES:
        return OUTPUT_TOO_LARGE
    try:
        orjson.loads(raw)
        return ToolOutput(raw.decode())
    except ValueError:  # of both: no JSON, no UTF-8
        return invalid_result("the output is not JSON")
