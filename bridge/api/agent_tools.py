"""The tools that a request gives an agent become domain values here."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from bridge.api.spans import span
from bridge.api.violations import Violations
from bridge.durations import FILLER_AFTER_RANGE_S, TOOL_TIMEOUT_RANGE_S
from bridge.json_schema import schema_problem
from bridge.ports.tool import (
    MAX_TOOL_DESCRIPTION_CHARS,
    MAX_TOOL_PARAMETERS_CHARS,
    MAX_TOOL_TEXT_CHARS,
    TOOL_NAME,
    TOOL_NAME_RULE,
    ToolMode,
    ToolReaction,
    ToolSpec,
)
from bridge.v1 import agent_pb2

_FIELD: Final = "agent.tools.tools"
_MAX_TOOLS: Final = 32
_MAX_ALL_PARAMETERS_CHARS: Final = 65_536
_DEFAULTS: Final = ToolSpec("", "", {})
_NO_PARAMETERS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}}

_MODES: Final[Mapping[int, ToolMode]] = {
    agent_pb2.TOOL_MODE_UNSPECIFIED: ToolMode.BLOCKING,
    agent_pb2.TOOL_MODE_BLOCKING: ToolMode.BLOCKING,
    agent_pb2.TOOL_MODE_ASYNC: ToolMode.ASYNC,
}
_REACTIONS: Final[Mapping[int, ToolReaction]] = {
    agent_pb2.TOOL_REACTION_UNSPECIFIED: ToolReaction.SPEAK,
    agent_pb2.TOOL_REACTION_SPEAK: ToolReaction.SPEAK,
    agent_pb2.TOOL_REACTION_LISTEN: ToolReaction.LISTEN,
    agent_pb2.TOOL_REACTION_SPEAK_IF_SILENT: ToolReaction.SPEAK_IF_SILENT,
}


def parse(tools: agent_pb2.ToolList, wrong: Violations) -> tuple[ToolSpec, ...]:
    """Return the tools, noting what is wrong with them."""
    asked = tools.tools
    if not 1 <= len(asked) <= _MAX_TOOLS:
        wrong.add(_FIELD, f"must be 1 to {_MAX_TOOLS}")
        return ()
    if sum(len(tool.parameters_json) for tool in asked) > _MAX_ALL_PARAMETERS_CHARS:
        wrong.add(_FIELD, f"at most {_MAX_ALL_PARAMETERS_CHARS} characters of parameters_json")
        return ()
    names = [tool.name for tool in asked]
    for index, name in enumerate(names):
        if name in names[:index]:
            wrong.add(f"{_FIELD}[{index}].name", "another tool of this call has this name")
    return tuple(_tool(tool, f"{_FIELD}[{index}].", wrong) for index, tool in enumerate(asked))


def _tool(asked: agent_pb2.Tool, field: str, wrong: Violations) -> ToolSpec:
    if not TOOL_NAME.fullmatch(asked.name):
        wrong.add(f"{field}name", TOOL_NAME_RULE)
    mode, reaction = _MODES.get(asked.mode), _REACTIONS.get(asked.reaction)
    if mode is None:
        wrong.add(f"{field}mode", "unknown value")
    if reaction is None:
        wrong.add(f"{field}reaction", "unknown value")
    timeout_s = _span(asked, "timeout", TOOL_TIMEOUT_RANGE_S, _DEFAULTS.timeout_s, field, wrong)
    filler_after_s = _filler_after_s(asked, timeout_s, field, wrong)
    return ToolSpec(
        name=asked.name,
        description=_description(asked.description, field, wrong),
        parameters=_parameters(asked.parameters_json, field, wrong),
        timeout_s=timeout_s,
        mode=mode or ToolMode.BLOCKING,
        reaction=reaction or ToolReaction.SPEAK,
        terminal=asked.terminal,
        cancel_on_interruption=asked.cancel_on_interruption,
        filler_text=_said(asked.filler_text, f"{field}filler_text", wrong),
        filler_after_s=filler_after_s,
        timeout_text=_said(asked.timeout_text, f"{field}timeout_text", wrong),
    )


def _description(text: str, field: str, wrong: Violations) -> str:
    wrong.require(f"{field}description", text.strip())
    if len(text) > MAX_TOOL_DESCRIPTION_CHARS:
        wrong.add(f"{field}description", f"at most {MAX_TOOL_DESCRIPTION_CHARS} characters")
    return text


def _parameters(written: str, field: str, wrong: Violations) -> Mapping[str, Any]:
    name = f"{field}parameters_json"
    if not written:
        return _NO_PARAMETERS
    if len(written) > MAX_TOOL_PARAMETERS_CHARS:
        wrong.add(name, f"at most {MAX_TOOL_PARAMETERS_CHARS} characters")
        return _NO_PARAMETERS
    try:
        schema: Any = orjson.loads(written)
    except orjson.JSONDecodeError:
        wrong.add(name, "is no JSON")
        return _NO_PARAMETERS
    if problem := schema_problem(schema):
        wrong.add(name, problem)
        return _NO_PARAMETERS
    return dict(schema)


def _said(text: str, name: str, wrong: Violations) -> str | None:
    if not text:
        return None
    if not text.strip():
        wrong.add(name, "must not be blank")
    if len(text) > MAX_TOOL_TEXT_CHARS:
        wrong.add(name, f"at most {MAX_TOOL_TEXT_CHARS} characters")
    return text


def _filler_after_s(
    asked: agent_pb2.Tool, timeout_s: float, field: str, wrong: Violations
) -> float:
    default_s = _DEFAULTS.filler_after_s
    after_s = _span(asked, "filler_after", FILLER_AFTER_RANGE_S, default_s, field, wrong)
    if asked.HasField("filler_after") and not asked.filler_text:
        wrong.add(f"{field}filler_after", "says when filler_text is said, which is missing")
    if asked.filler_text and after_s >= timeout_s:
        wrong.add(f"{field}filler_after", "must be shorter than timeout")
    return after_s


def _span(
    asked: agent_pb2.Tool,
    name: str,
    range_s: tuple[float, float],
    default_s: float,
    field: str,
    wrong: Violations,
) -> float:
    given_s = span(asked, name, *range_s, wrong, prefix=field)
    return default_s if given_s is None else given_s
