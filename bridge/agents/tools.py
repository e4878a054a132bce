"""How are tools written in an agent's file, and which ones does an agent have in one call?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import AfterValidator, Field, model_validator

from bridge.agents.builtin_tools import specification
from bridge.agents.http_tools import HttpPart
from bridge.agents.prompt import NAMELESS, fill
from bridge.agents.templates import TEMPLATE
from bridge.agents.treatment import Name, Treatment
from bridge.errors import FieldViolation
from bridge.json_schema import schema_problem
from bridge.ports.tool import (
    MAX_TOOL_DESCRIPTION_CHARS,
    MAX_TOOL_PARAMETERS_CHARS,
    MAX_TOOLS,
    BuiltinTool,
    GatewayExecution,
    ToolSpec,
)

# What the agent's own words are for a built-in tool; everything else about it is settled.
_OF_BUILTIN: Final = frozenset({"builtin", "description"})


def _parameters(schema: dict[str, Any]) -> dict[str, Any]:
    if problem := schema_problem(schema):
        raise ValueError(problem)
    if len(orjson.dumps(schema).decode()) > MAX_TOOL_PARAMETERS_CHARS:
        raise ValueError(f"at most {MAX_TOOL_PARAMETERS_CHARS} characters of JSON")
    return schema


def _no_parameters() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


Description = Annotated[str, Field(max_length=MAX_TOOL_DESCRIPTION_CHARS), TEMPLATE]


class ToolPart(Treatment):
    """A built-in tool by its name, or one that an endpoint executes, or else a gateway."""

    builtin: Literal["end_call", "notify_language_switch", "send_dtmf"] | None = None
    name: Name | None = None
    description: Description | None = None
    parameters: Annotated[dict[str, Any], AfterValidator(_parameters)] = Field(
        default_factory=_no_parameters
    )
    terminal: bool = False
    http: HttpPart | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.builtin is not None:
            if more := self.model_fields_set - _OF_BUILTIN:
                raise ValueError(f"a built-in tool takes no {', '.join(sorted(more))}")
        elif self.name is None or self.description is None:
            raise ValueError("must be a builtin, or have a name and a description")
        if self.http is None and "http" in self.model_fields_set:
            raise ValueError("http must be a mapping: url: ...")
        if self.http is not None and (problem := self.http.problem(self.parameters)):
            raise ValueError(problem)
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


def clashes(own: Collection[str], given: Sequence[ToolSpec]) -> list[FieldViolation]:
    """Return which of a call's tools cannot stand beside the agent's own, by their names."""
    violations = [
        FieldViolation(f"agent.tools.tools[{index}].name", "the agent has a tool of this name")
        for index, spec in enumerate(given)
        if spec.name in own
    ]
    if len(own) + len(given) > MAX_TOOLS:
        problem = f"at most {MAX_TOOLS}, with the {len(own)} of the agent's own"
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
    return part.specification(
        part.called,
        part.description or "",
        part.parameters,
        GatewayExecution() if part.http is None else part.http.execution(),
        terminal=part.terminal,
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
