"""What is wrong with a client event, said as the service says it."""

from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.simulator.event_shapes import CLIENT_EVENTS, SecretRequest
from bridge.simulator.wire import JsonObject, Refusal

_EXPECTED: Final = {
    "string": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "list": "an array",
    "dict": "an object",
    "model": "an object",
    "model_attributes": "an object",
}


def check_event(event: JsonObject) -> None:
    """Check a client event against its shape. Raises Refusal naming the first bad field."""
    kind = event.get("type")
    if kind is None:
        raise _missing("type")
    if kind not in CLIENT_EVENTS:
        supported = ", ".join(f"'{name}'" for name in CLIENT_EVENTS)
        raise _invalid("type", f"Invalid value: '{kind}'. Supported values are: {supported}.")
    _check(CLIENT_EVENTS[kind], event)


def check_secret(body: JsonObject) -> JsonObject:
    """Return the body of a client_secrets request. Raises Refusal naming the first bad field."""
    _check(SecretRequest, body)
    return {name: value for name, value in body.items() if value is not None}


def _check(shape: type[BaseModel], document: JsonObject) -> None:
    try:
        shape.model_validate(document)
    except ValidationError as invalid:
        raise _refusal(invalid.errors(include_url=False)[0], document) from invalid


def _refusal(problem: ErrorDetails, event: JsonObject) -> Refusal:
    param = _param(problem["loc"], event)
    context = problem.get("ctx", {})
    match problem["type"]:
        case "extra_forbidden":
            return Refusal(f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)
        case "missing":
            return _missing(param)
        case "union_tag_not_found":
            return _missing(f"{param}.{str(context['discriminator']).strip(chr(39))}")
        case "greater_than_equal" | "less_than_equal":
            return _out_of_range(param, problem)
        case "string_too_long":
            return Refusal(
                f"Invalid '{param}': string too long. Expected a string with maximum length "
                f"{context['max_length']}.",
                code="string_above_max_length",
                param=param,
            )
        case kind if kind.endswith("_type") and kind[: -len("_type")] in _EXPECTED:
            expected = _EXPECTED[kind[: -len("_type")]]
            return Refusal(
                f"Invalid type for '{param}': expected {expected}.",
                code="invalid_type",
                param=param,
            )
    wanted = context.get("expected") or context.get("expected_tags")
    supported = f" Supported values are: {wanted}." if wanted else ""
    return _invalid(param, f"Invalid value for '{param}'.{supported}")


def _missing(param: str) -> Refusal:
    return Refusal(
        f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param
    )


def _invalid(param: str, message: str) -> Refusal:
    return Refusal(message, code="invalid_value", param=param)


def _out_of_range(param: str, problem: ErrorDetails) -> Refusal:
    below = problem["type"] == "greater_than_equal"
    kind = "integer" if isinstance(problem["input"], int) else "decimal"
    side, bound = ("below minimum", "ge") if below else ("above maximum", "le")
    sign = ">=" if below else "<="
    return Refusal(
        f"Invalid '{param}': {kind} {side} value. Expected a value {sign} "
        f"{problem['ctx'][bound]}, but got {problem['input']} instead.",
        code=f"{kind}_{'below_min' if below else 'above_max'}_value",
        param=param,
    )


def _param(location: tuple[int | str, ...], document: object) -> str:
    """Return the service's way to name a field: `session.tools[0].name`.

    Pydantic's own location also names the union members it tried; those are not fields.
    """
    path, here = "", document
    for depth, part in enumerate(location):
        last = depth == len(location) - 1
        if isinstance(part, int) and isinstance(here, list):
            path += f"[{part}]"
            here = here[part] if part < len(here) else None
        elif isinstance(here, dict) and (part in here or last):
            path += f".{part}"
            here = here.get(part)
    return path.removeprefix(".")
