"""Schemas of arguments are schemas, and arguments that do not fit are told where."""

import time

import pytest

from bridge.json_schema import mismatch, schema_problem

ORDER = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "minimum": 1},
        "express": {"type": "boolean"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"sku": {"type": "string"}},
                "required": ["sku"],
            },
        },
        "size": {"enum": ["s", "m"]},
    },
    "required": ["number"],
    "additionalProperties": False,
}


def test_a_schema_of_arguments_is_one() -> None:
    assert schema_problem(ORDER) is None
    assert schema_problem({"type": "object"}) is None


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ([], "an object"),
        ("object", "an object"),
        ({}, '"type": "object"'),
        ({"type": "array"}, '"type": "object"'),
        ({"type": "object", "properties": {"a": {"type": "text"}}}, "properties.a.type: "),
        ({"type": "object", "required": "a"}, "required: "),
    ],
)
def test_what_is_no_schema_of_arguments_is_told(schema: object, problem: str) -> None:
    assert problem in (schema_problem(schema) or "")


@pytest.mark.parametrize(
    "arguments", [{"number": 1}, {"number": 2, "express": True, "lines": [{"sku": "a"}]}]
)
def test_arguments_that_fit(arguments: object) -> None:
    assert mismatch(ORDER, arguments) is None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "object"),
        ({}, "'number' is a required property"),
        ({"number": "1"}, "number: '1' is not of type 'integer'"),
        ({"number": True}, "number: "),
        ({"number": 0}, "number: 0 is less than the minimum"),
        ({"number": 1, "lines": [{"sku": "a"}, {}]}, "lines.1: 'sku' is a required property"),
        ({"number": 1, "size": "xl"}, "size: 'xl' is not one of"),
        ({"number": 1, "more": 1}, "'more' was unexpected"),
    ],
)
def test_arguments_that_do_not_fit_are_told_where(arguments: object, problem: str) -> None:
    assert problem in (mismatch(ORDER, arguments) or "")


def test_no_schema_takes_more_time_than_its_arguments_are_long() -> None:
    """An exponential regular expression and an exponential choice, which nobody evaluates."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}},
        "patternProperties": {"^(a+)+$": {"type": "string"}},
        "additionalProperties": False,
        "$ref": "#/$defs/d0",
        "$defs": {
            f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]}
            for n in range(60)
        },
    }
    begun = time.process_time()
    assert schema_problem(schema) is None
    assert mismatch(schema, {"a": "a" * 60 + "!", "a" * 60 + "!": "b"}) is None
    assert time.process_time() - begun < 5


def test_what_is_nested_beyond_measure_is_refused() -> None:
    deep: dict[str, object] = {"type": "object"}
    for _ in range(3000):
        deep = {"type": "object", "properties": {"a": deep}}
    assert "nested" in (schema_problem(deep) or "")
