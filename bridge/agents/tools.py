"""How are tools written in an agent's file, and which ones does an agent have in one call?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bridge.agents.builtin_tools import specification
from bridge.agents.prompt import NAMELESS, fill
from bridge.agents.templates import TEMPLATE
from bridge.durations import (
    FILLER_AFTER_RANGE_S,
    TOOL_TIMEOUT_RANGE_S,
    parse_duration_s,
    within,
)
from bridge.errors import FieldViolation
from bridge.files.checked import Part
from bridge.json_schema import schema_problem
from bridge.ports.tool import (
    MAX_TOOL_DESCRIPTION_CHARS,
    MAX_TOOL_PARAMETERS_CHARS,
    MAX_TOOL_TEXT_CHARS,
    MAX_TOOLS,
    TOOL_NAME,
    TOOL_NAME_RULE,
    BuiltinTool,
    ToolMode,
    ToolReaction,
    ToolSpec,
)

# What the agent's own words are for a built-in tool; everything else about it is settled.
_OF_BUILTIN: Final = frozenset({"builtin", "description"})


def _tool_name(name: str) -> str:
    if not TOOL_NAME.fullmatch(name):
        raise ValueError(f"must be {TOOL_NAME_RULE}")
    return name


def _parameters(schema: dict[str, Any]) -> dict[str, Any]:
    if problem := schema_problem(schema):
        raise ValueError(problem)
    if len(orjson.dumps(schema).decode()) > MAX_TOOL_PARAMETERS_CHARS:
        raise ValueError(f"at most {MAX_TOOL_PARAMETERS_CHARS} characters of JSON")
    return schema


def _no_parameters() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


Name = Annotated[str, AfterValidator(_tool_name)]
Description = Annotated[str, Field(max_length=MAX_TOOL_DESCRIPTION_CHARS), TEMPLATE]
Said = Annotated[str, Field(max_length=MAX_TOOL_TEXT_CHARS), TEMPLATE]


class ToolPart(Part):
    """A built-in tool by its name, or one that somebody executes."""

    builtin: Literal["end_call", "notify_language_switch", "send_dtmf"] | None = None
    name: Name | None = None
    description: Description | None = None
    parameters: Annotated[dict[str, Any], AfterValidator(_parameters)] = Field(
        default_factory=_no_parameters
    )
    timeout: Annotated[
        float, BeforeValidator(parse_duration_s), AfterValidator(within(TOOL_TIMEOUT_RANGE_S))
    ] = 10.0
    mode: Literal["blocking", "async"] = "blocking"
    reaction: Literal["speak", "listen", "speak_if_silent"] = "speak"
    terminal: bool = False
    cancel_on_interruption: bool = False
    filler_text: Said | None = None
    filler_after: Annotated[
        float, BeforeValidator(parse_duration_s), AfterValidator(within(FILLER_AFTER_RANGE_S))
    ] = 1.0
    timeout_text: Said | None = None
    execution: Literal["gateway"] = "gateway"

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        given = self.model_fields_set
        if self.builtin is not None:
            if more := given - _OF_BUILTIN:
                raise ValueError(f"a built-in tool takes no {', '.join(sorted(more))}")
        elif self.name is None or self.description is None:
            raise ValueError("must be a builtin, or have a name and a description")
        if "filler_after" in given and self.filler_text is None:
            raise ValueError("filler_after says when filler_text is said, which is missing")
        if self.filler_text is not None and self.filler_after >= self.timeout:
            raise ValueError("filler_after must be shorter than timeout")
        return self

    @property
    def called(self) -> str:
        """The name that the model calls it by."""
        return self.builtin or self.name or ""


def distinct(tools: list[ToolPart]) -> list[ToolPart]:
    """
    :raises ValueError: two tools have one name.
    """
    names = [tool.called for tool in tools]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names a tool twice: {', '.join(twice)}")
    return tools


ToolParts = Annotated[list[ToolPart], Field(max_length=MAX_TOOLS), AfterValidator(distinct)]


def tools_of(
    parts: Iterable[ToolPart],
    given: Iterable[ToolSpec],
    languages: Iterable[str],
    values: Mapping[str, str],
) -> tuple[ToolSpec, ...]:
    """Return an agent's own tools and those that a call gives it, with placeholders filled in."""
    spoken = tuple(languages)
    own = (_specification(part, spoken) for part in parts)
    return tuple(_filled(spec, values) for spec in (*own, *given))


def clashes(parts: Sequence[ToolPart], given: Sequence[ToolSpec]) -> list[FieldViolation]:
    """Return which of a call's tools cannot stand beside the agent's own."""
    own = {part.called for part in parts}
    violations = [
        FieldViolation(f"agent.tools.tools[{index}].name", "the agent has a tool of this name")
        for index, spec in enumerate(given)
        if spec.name in own
    ]
    if len(parts) + len(given) > MAX_TOOLS:
        problem = f"at most {MAX_TOOLS}, with the {len(parts)} of the agent's own"
        violations.append(FieldViolation("agent.tools.tools", problem))
    return violations


def as_part(spec: ToolSpec) -> dict[str, object]:
    """Return a tool that a call gives as it would stand in a file, to be held to the same rules."""
    filler = {"filler_text": spec.filler_text, "filler_after": spec.filler_after_s}
    return {
        "name": spec.name,
        "description": spec.description,
        "parameters": dict(spec.parameters),
        "timeout": spec.timeout_s,
        "mode": spec.mode.value,
        "reaction": spec.reaction.value,
        "terminal": spec.terminal,
        "cancel_on_interruption": spec.cancel_on_interruption,
        "timeout_text": spec.timeout_text,
        **(filler if spec.filler_text is not None else {}),
    }


def _specification(part: ToolPart, languages: tuple[str, ...]) -> ToolSpec:
    if part.builtin is not None:
        return specification(BuiltinTool(part.builtin), languages, part.description)
    return ToolSpec(
        name=part.called,
        description=part.description or "",
        parameters=part.parameters,
        timeout_s=part.timeout,
        mode=ToolMode(part.mode),
        reaction=ToolReaction(part.reaction),
        terminal=part.terminal,
        cancel_on_interruption=part.cancel_on_interruption,
        filler_text=part.filler_text,
        filler_after_s=part.filler_after,
        timeout_text=part.timeout_text,
    )


def _filled(spec: ToolSpec, values: Mapping[str, str]) -> ToolSpec:
    """Fill in placeholders: in what is said as in a greeting, in what is read as in a prompt."""
    read = {**values, "caller_name": values["caller_name"] or NAMELESS}
    return replace(
        spec,
        description=fill(spec.description, read),
        filler_text=spec.filler_text and fill(spec.filler_text, values),
        timeout_text=spec.timeout_text and fill(spec.timeout_text, values),
    )
