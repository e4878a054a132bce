"""What of a tool's output a model may read."""

import pytest

from bridge.ports.tool import MAX_OUTPUT_BYTES, ToolFailure, ToolOutput
from bridge.tools.outputs import json_output


@pytest.mark.parametrize("text", ["null", "7", '"yes"', "[]", '{"a": {"b": "ü"}}'])
def test_any_json_value_is_an_output(text: str) -> None:
    assert json_output(text) == json_output(text.encode()) == ToolOutput(text)


@pytest.mark.parametrize("text", ["", "yes", "{", "NaN", "{} {}", b'"\xff"', b"\xff\xfe"])
def test_what_is_no_json_is_a_failure(text: str | bytes) -> None:
    outcome = json_output(text)
    assert isinstance(outcome, ToolFailure)
    assert outcome.code == "invalid_result"


def test_output_is_bounded_in_bytes() -> None:
    fits = '"' + "ü" * (MAX_OUTPUT_BYTES // 2 - 1) + '"'
    assert json_output(fits) == ToolOutput(fits)
    outcome = json_output(fits + " ")
    assert isinstance(outcome, ToolFailure)
    assert outcome.code == "output_too_large"
