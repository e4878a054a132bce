"""What fills an agent's own placeholders in one call: the call's values, or else the defaults."""

from collections.abc import Mapping
from typing import Final

from bridge.agents.prompt import clean_value
from bridge.agents.schema import VariablePart
from bridge.errors import FieldViolation

_FIELD: Final = "variables"


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
