"""What an endpoint is sent, and which arguments never get into a URL."""

import json
from typing import Any

import pytest

from bridge.ports.tool import ArgumentsIn, HttpExecution
from bridge.tool_secrets import SecretMissing
from bridge.tools.arguments import UnusableArguments
from bridge.tools.http_request import Request, request_for
from tests.fakes.clock import FakeClock
from tests.unit.tools.invocations import invocation

BODY, QUERY = ArgumentsIn.BODY, ArgumentsIn.QUERY
URL = "https://api.example.com/orders"


def made(
    arguments: object,
    url: str = URL,
    arguments_in: ArgumentsIn = QUERY,
    headers: dict[str, str] | None = None,
) -> Request:
    execution = HttpExecution("POST", url, headers or {}, arguments_in)
    asked = invocation(FakeClock(), arguments=json.dumps(arguments))
    return request_for(execution, asked, {"TOOL_TOKEN": "s3cret"})


def test_arguments_are_the_body_as_a_json_object() -> None:
    request = made({"number": 7, "note": "ü"}, arguments_in=BODY)
    assert request.url == URL
    assert json.loads(request.body or b"") == {"number": 7, "note": "ü"}
    assert request.headers["Content-Type"] == "application/json"


def test_without_arguments_the_body_is_an_empty_object() -> None:
    assert made({}, arguments_in=BODY).body == b"{}"


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({}, ""),
        ({"a": 1, "b": True, "c": 1.5, "d": "x y&z=ü"}, "?a=1&b=true&c=1.5&d=x+y%26z%3D%C3%BC"),
        ({"a": None, "b": 1}, "?b=1"),
        ({"a": ["x", 2]}, "?a=x&a=2"),
        ({"a": []}, ""),
    ],
)
def test_arguments_are_the_query(arguments: dict[str, Any], query: str) -> None:
    request = made(arguments)
    assert request.url == URL + query
    assert request.body is None


def test_query_of_the_file_is_kept() -> None:
    assert made({"a": 1}, url=f"{URL}?v=2").url == f"{URL}?v=2&a=1"


def test_placeholders_take_arguments_out_of_the_rest() -> None:
    url = URL + "/{number}/lines?by={who}"
    request = made({"number": "7 ü?#", "who": True, "rest": 1}, url=url)
    assert request.url == f"{URL}/7%20%C3%BC%3F%23/lines?by=true&rest=1"
    request = made({"number": 7, "who": "me", "rest": 1}, url=url, arguments_in=BODY)
    assert json.loads(request.body or b"") == {"rest": 1}


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "../admin", "a\\b", None, [], {}])
def test_argument_that_would_lead_elsewhere_is_refused(value: object) -> None:
    with pytest.raises(UnusableArguments, match="number"):
        made({"number": value}, url=URL + "/{number}")


def test_argument_that_is_missing_is_named() -> None:
    with pytest.raises(UnusableArguments, match="number"):
        made({}, url=URL + "/{number}")


def test_objects_have_no_place_in_a_query() -> None:
    with pytest.raises(UnusableArguments, match="filter"):
        made({"filter": {"a": 1}})


def test_headers_hold_secrets_and_which_call_asks() -> None:
    headers = made({}, headers={"Authorization": "Bearer ${TOOL_TOKEN}", "X-V": "1"}).headers
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["X-V"] == "1"
    assert headers["Mediabridge-Connection-Id"] == "call-1"
    assert headers["Mediabridge-Tool-Call-Id"] == "call_1"
    assert headers["Mediabridge-Agent-Id"] == "receptionist"
    assert headers["Mediabridge-Tenant-Id"] == "acme"


def test_ids_never_break_out_of_their_header() -> None:
    asked = invocation(FakeClock(), tool_call_id="call\r\nX-Admin: yes")
    headers = request_for(HttpExecution("POST", URL), asked, {}).headers
    assert headers["Mediabridge-Tool-Call-Id"] == "call%0D%0AX-Admin: yes"


def test_missing_secret_is_named() -> None:
    with pytest.raises(SecretMissing, match=r"^TOOL_OTHER$"):
        made({}, headers={"Authorization": "${TOOL_OTHER}"})


def test_neither_secrets_nor_arguments_are_in_what_is_printed() -> None:
    request = made({"number": 4111}, headers={"Authorization": "${TOOL_TOKEN}"}, arguments_in=BODY)
    assert "s3cret" not in repr(request)
    assert "4111" not in repr(request)
