"""Is this a schema of a function's arguments, and do arguments fit it?

Schemas come from gateways, arguments from models, and both are checked on the one loop that serves
all calls. So only those keywords are checked whose cost grows with the arguments alone: no regular
expressions, no references, no alternatives. The model is told the whole schema; whoever executes
the function has the last word.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import create

_CHECKED: Final = (
    "type",
    "required",
    "properties",
    "items",
    "prefixItems",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)
_MAX_PROBLEM_CHARS: Final = 500


def schema_problem(schema: object) -> str | None:
    """Return what keeps `schema` from being one of a function's arguments, or None."""
    if not isinstance(schema, Mapping):
        return "must be a JSON schema, an object"
    if schema.get("type") != "object":
        return 'must have "type": "object"'
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"is no JSON schema: {_place(error)}{error.message}"[:_MAX_PROBLEM_CHARS]
    except RecursionError:
        return "is nested too deeply"
    return None


def mismatch(schema: Mapping[str, object], arguments: object) -> str | None:
    """Return where `arguments` do not fit a schema, or None."""
    try:
        error = best_match(_Arguments(schema).iter_errors(arguments))
    except RecursionError:
        return "nested too deeply"
    return None if error is None else f"{_place(error)}{error.message}"[:_MAX_PROBLEM_CHARS]


def _no_other_properties(
    validator: Validator, allowed: object, instance: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    # Beside patternProperties it would need their regular expressions.
    if "patternProperties" not in schema:
        yield from Draft202012Validator.VALIDATORS["additionalProperties"](
            validator, allowed, instance, schema
        )


_Arguments: Final = create(
    meta_schema=Draft202012Validator.META_SCHEMA,
    validators={
        **{name: Draft202012Validator.VALIDATORS[name] for name in _CHECKED},
        "additionalProperties": _no_other_properties,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER,
)


def _place(error: ValidationError | SchemaError) -> str:
    path = ".".join(str(part) for part in error.absolute_path)
    return f"{path}: " if path else ""
