"""Endpoints on loopback: what they are sent, what their answers mean, and who is never asked."""

import asyncio
import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bridge.clock import SystemClock
from bridge.destinations import Destinations
from bridge.ports.tool import MAX_OUTPUT_BYTES, HttpExecution, ToolOutcome, ToolOutput
from bridge.tools.http import HttpTools
from tests.unit.tools.endpoint import Endpoint, Names
from tests.unit.tools.invocations import failure_of, invocation

CLOCK = SystemClock()


async def asked(url: str, listed: str, within_s: float = 5.0, **execution: Any) -> ToolOutcome:
    """Ask an endpoint, with these destinations listed."""
    deadline = CLOCK.now() + timedelta(seconds=within_s)
    async with HttpTools(Destinations(listed), {"TOOL_TOKEN": "s3cret"}, CLOCK) as tools:
        return await tools.execute(
            replace(HttpExecution("POST", url), **execution), invocation(CLOCK, deadline=deadline)
        )


async def outcome(endpoint: Endpoint, **options: Any) -> ToolOutcome:
    return await asked(endpoint.url(), f"127.0.0.1:{endpoint.port}", **options)


async def test_endpoint_gets_arguments_and_credentials_and_its_json_is_the_output(
    endpoint: Endpoint,
) -> None:
    endpoint.says(text='{"shipped": true}', content_type="application/json")
    headers = {"Authorization": "Bearer ${TOOL_TOKEN}"}
    assert await outcome(endpoint, headers=headers) == ToolOutput('{"shipped": true}')
    ((method, path, sent, body),) = endpoint.asked
    assert (method, path, body) == ("POST", "/orders", b'{"number":7}')
    assert sent["Authorization"] == "Bearer s3cret"
    assert sent["Mediabridge-Connection-Id"] == "call-1"


@pytest.mark.parametrize(
    ("response", "output"),
    [
        ({"text": '{"a": 1}', "content_type": "application/problem+json"}, '{"a": 1}'),
        ({"text": 'it "ships"', "content_type": "text/plain"}, '"it \\"ships\\""'),
        ({"status": 204}, "null"),
        ({"status": 201}, "null"),
    ],
)
async def test_what_a_success_says_is_the_output(
    endpoint: Endpoint, response: dict[str, Any], output: str
) -> None:
    endpoint.says(**response)
    assert await outcome(endpoint) == ToolOutput(output)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, "http_redirect"),
        (302, "http_redirect"),
        (307, "http_redirect"),
        (400, "invalid_arguments"),
        (401, "http_unauthorized"),
        (403, "http_unauthorized"),
        (404, "not_found"),
        (405, "http_refused"),
        (408, "timeout"),
        (409, "conflict"),
        (410, "not_found"),
        (422, "invalid_arguments"),
        (429, "rate_limited"),
        (500, "http_error"),
        (503, "http_error"),
        (504, "timeout"),
    ],
)
async def test_status_says_why_a_tool_failed(endpoint: Endpoint, status: int, code: str) -> None:
    elsewhere = {"Location": endpoint.url()} if status < 400 else {}
    endpoint.says(status, text="<secret words>", headers=elsewhere)
    failure = failure_of(await outcome(endpoint, method="GET"))
    assert failure.code == code
    assert str(status) in failure.private_detail
    assert "secret words" not in failure.message + failure.private_detail
    assert len(endpoint.asked) == 1, "a redirect is not followed"
    assert failure.undone is (code not in {"timeout", "http_error"})


async def test_endpoint_may_describe_its_failure_as_gateways_do(endpoint: Endpoint) -> None:
    said = '{"code": "order_not_found", "message": "There is no order 7."}'
    endpoint.says(404, text=said, content_type="application/json")
    failure = failure_of(await outcome(endpoint))
    assert (failure.code, failure.message) == ("order_not_found", "There is no order 7.")


@pytest.mark.parametrize(
    "said", ["[]", '"code"', "7", "null", "{", '{"code": 7}', '{"code": "no code"}', "{}"]
)
async def test_failure_that_describes_nothing_goes_by_its_status(
    endpoint: Endpoint, said: str
) -> None:
    endpoint.says(404, text=said, content_type="application/json")
    assert failure_of(await outcome(endpoint)).code == "not_found"


@pytest.mark.parametrize(
    ("response", "code"),
    [
        ({"text": "{", "content_type": "application/json"}, "invalid_result"),
        ({"text": "<html>", "content_type": "text/html"}, "invalid_result"),
        ({"body": b"{}", "headers": {"Content-Encoding": "gzip"}}, "invalid_result"),
        ({"text": "x" * (MAX_OUTPUT_BYTES - 1)}, "output_too_large"),
        ({"text": "x" * (4 * MAX_OUTPUT_BYTES)}, "output_too_large"),
    ],
)
async def test_success_that_nobody_can_read_is_a_failure(
    endpoint: Endpoint, response: dict[str, Any], code: str
) -> None:
    endpoint.says(**response)
    failure = failure_of(await outcome(endpoint))
    assert failure.code == code
    assert not failure.undone


async def test_endless_answer_is_cut_off(endpoint: Endpoint) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 10_000)

    endpoint.answer = endless
    assert failure_of(await outcome(endpoint)).code == "output_too_large"


async def test_endpoint_that_does_not_answer_in_time_is_given_up(endpoint: Endpoint) -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    endpoint.answer = silent
    assert failure_of(await outcome(endpoint, within_s=0.05)).code == "timeout"


async def test_cancelled_invocation_hangs_up_on_the_endpoint(endpoint: Endpoint) -> None:
    arrived, hung_up = asyncio.Event(), asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            hung_up.set()
        raise AssertionError

    endpoint.answer = silent
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(outcome(endpoint))
        await arrived.wait()
        asking.cancel()
    await hung_up.wait()


async def test_nobody_at_the_port_is_a_failure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        failure = failure_of(await asked(f"http://127.0.0.1:{port}/", f"127.0.0.1:{port}"))
    assert failure.code == "http_unreachable"
    assert failure.undone
    assert "7" not in failure.message


async def test_answer_that_is_no_http_is_a_failure() -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp ready\r\n")
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        failure = failure_of(await asked(f"http://127.0.0.1:{port}/", f"127.0.0.1:{port}"))
    assert failure.code == "http_unreachable"


@pytest.mark.parametrize(
    ("host", "listed"),
    [
        ("127.0.0.1", ""),
        ("127.0.0.1", "127.0.0.2:{port}"),
        ("127.0.0.1", "127.0.0.1:1"),
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1:{port}"),
        # Listed by name, but the name stands for this machine.
        ("localhost", "localhost:{port}"),
        ("localhost", "localhost:{port} 127.0.0.2:{port} [::2]:{port}"),
        ("127.1", "127.0.0.1:{port} 127.1.0.0:{port}"),
        ("2130706433", "127.0.0.1:{port}"),
        ("0x7f000001", "0x7f000001:{port}"),
        ("[::ffff:127.0.0.1]", "127.0.0.1:{port}"),
    ],
)
async def test_endpoint_that_is_not_listed_is_never_asked(
    endpoint: Endpoint, host: str, listed: str
) -> None:
    endpoint.says(text="{}", content_type="application/json")
    answered = await asked(endpoint.url(host), listed.replace("{port}", str(endpoint.port)))
    assert failure_of(answered).code == "not_allowed"
    assert endpoint.asked == []


async def test_name_and_its_network_together_are_asked(endpoint: Endpoint) -> None:
    endpoint.says(text="{}", content_type="application/json")
    listed = f"localhost:{endpoint.port} 127.0.0.0/8:{endpoint.port}"
    assert await asked(endpoint.url("localhost"), listed) == ToolOutput("{}")


async def test_name_that_changes_its_address_behind_the_check_reaches_nobody(
    endpoint: Endpoint, names: Names
) -> None:
    endpoint.says(text="{}", content_type="application/json")
    # Where nobody is, but somebody may be; then the endpoint, which is not listed.
    names.answers["api.example.com"] = [["127.0.0.3"], ["127.0.0.1"]]
    listed = f"api.example.com:{endpoint.port} 127.0.0.3:{endpoint.port}"
    failure = failure_of(await asked(endpoint.url("api.example.com"), listed))
    assert failure.code == "http_unreachable"
    assert names.looked_up == ["api.example.com"]
    assert endpoint.asked == []


async def test_missing_secret_is_told_to_the_gateway_s_people_alone(endpoint: Endpoint) -> None:
    failure = failure_of(await outcome(endpoint, headers={"Authorization": "${TOOL_OTHER}"}))
    assert failure.code == "misconfigured"
    assert "TOOL_OTHER" in failure.private_detail
    assert "TOOL_OTHER" not in failure.message
    assert endpoint.asked == []


async def test_arguments_that_have_no_place_in_the_url_are_told_to_the_model(
    endpoint: Endpoint,
) -> None:
    failure = failure_of(await asked(endpoint.url() + "/{name}", f"127.0.0.1:{endpoint.port}"))
    assert failure.code == "invalid_arguments"
    assert "name" in failure.message
    assert endpoint.asked == []


async def test_cookies_are_not_kept(endpoint: Endpoint) -> None:
    endpoint.says(text="{}", content_type="application/json", headers={"Set-Cookie": "a=b"})
    listed = Destinations(f"127.0.0.1:{endpoint.port}")
    async with HttpTools(listed, {}, CLOCK) as tools:
        for _ in range(2):
            await tools.execute(HttpExecution("POST", endpoint.url()), invocation(CLOCK))
    assert all("Cookie" not in headers for _, _, headers, _ in endpoint.asked)
