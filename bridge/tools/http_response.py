"""What the answer of an HTTP endpoint means: an output, or why there is none."""

import re
from collections.abc import Mapping
from typing import Final

import orjson

from bridge.ports.tool import (
    MAX_FAILURE_MESSAGE_CHARS,
    TOOL_FAILURE_CODE,
    ToolFailure,
    ToolOutcome,
    ToolOutput,
)
from bridge.tools.failures import invalid_result
from bridge.tools.outputs import json_output

_JSON: Final = re.compile(r"application/(?:[\w.+-]+\+)?json")

_REFUSED: Final = ("http_refused", "The service refused.")
_BROKEN: Final = ("http_error", "The service does not work at the moment.")
_NOT_HERE: Final = ("http_redirect", "The service is not where it should be.")
_CREDENTIALS: Final = ("http_unauthorized", "The service did not accept us.")
_NOT_FOUND: Final = ("not_found", "There is no such thing.")
_ARGUMENTS: Final = ("invalid_arguments", "The service could not use these arguments.")
_TOO_LATE: Final = ("timeout", "The service took too long.")
_TOO_MANY: Final = ("rate_limited", "The service has too much to do at the moment.")
_CONFLICT: Final = ("conflict", "The service cannot do this as things are.")

_MEANING: Final[Mapping[int, tuple[str, str]]] = {
    400: _ARGUMENTS,
    401: _CREDENTIALS,
    403: _CREDENTIALS,
    404: _NOT_FOUND,
    408: _TOO_LATE,
    409: _CONFLICT,
    410: _NOT_FOUND,
    422: _ARGUMENTS,
    429: _TOO_MANY,
    504: _TOO_LATE,
}


def outcome_of(status: int, content_type: str, body: bytes) -> ToolOutcome:
    """Return the output, or the failure that the endpoint or its status describe."""
    is_json = _JSON.fullmatch(content_type) is not None
    if not 200 <= status < 300:
        return (_own_failure(status, body) if is_json else None) or _failure(status)
    if not body:
        return ToolOutput("null")
    if is_json:
        return json_output(body)
    if content_type == "text/plain":
        return json_output(orjson.dumps(body.decode(errors="replace")))
    return invalid_result("the response is neither JSON nor plain text")


def _failure(status: int) -> ToolFailure:
    by_class = {3: _NOT_HERE, 4: _REFUSED}.get(status // 100, _BROKEN)
    code, message = _MEANING.get(status, by_class)
    # Whoever refuses a request has not carried it out; of a failing server nobody knows.
    undone = status < 500 and code != _TOO_LATE[0]
    return ToolFailure(code, message, f"HTTP status {status}", undone=undone)


def _own_failure(status: int, body: bytes) -> ToolFailure | None:
    """Return the failure that the endpoint describes itself, as gateways do; None: it does not."""
    try:
        said = orjson.loads(body)
        code, message = said["code"], said.get("message", "")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if not (
        isinstance(code, str) and TOOL_FAILURE_CODE.fullmatch(code) and isinstance(message, str)
    ):
        return None
    return ToolFailure(
        code, message[:MAX_FAILURE_MESSAGE_CHARS], f"HTTP status {status}", undone=True
    )
