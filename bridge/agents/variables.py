"""An agent's own placeholders: how are they written in its file, and what fills them in a call?"""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from bridge.agents.prompt import PLACEHOLDERS, clean_value
from bridge.errors import FieldViolation
from bridge.files.checked import Part
from bridge.files.lines import one_line
from bridge.ports.agent import MAX_VARIABLE_CHARS, VARIABLE_NAME, VARIABLE_NAME_RULE

_FIELD: Final = "variables"


def _variable_name(name: str) -> str:
    if not VARIABLE_NAME.fullmatch(name):
        raise ValueError(f"must be {VARIABLE_NAME_RULE}")
    if name in PLACEHOLDERS:
        raise ValueError("is a placeholder that every agent has")
    return name


VariableName = Annotated[str, AfterValidator(_variable_name)]


class VariablePart(Part):
    """A placeholder of the agent's own."""

    default: (
        Annotated[str, Field(max_length=MAX_VARIABLE_CHARS), AfterValidator(one_line)] | None
    ) = None


def values_of(
    declared: Mapping[str, VariablePart | None], given: Mapping[str, str]
) -> tuple[Mapping[str, str], list[FieldViolation]]:
    """Return every declared variable's value, and what is wrong with those that are given.

    A value of which nothing is left once it is cleaned counts as not given.
    """
    names = ", ".join(declared) or "none"
    violations = [
        FieldViolation(f"{_FIELD}.{name}", f"this agent has no such variable; it has {names}")
        for name in given
        if name not in declared
    ]
    values: dict[str, str] = {}
    for name, part in declared.items():
        value = clean_value(given.get(name, "")) or (part.default if part else None)
        if value is None:
            violations.append(FieldViolation(f"{_FIELD}.{name}", "required by this agent"))
        else:
            values[name] = value
    return values, violations
