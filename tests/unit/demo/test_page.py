"""Does the page's server speak the seed's JSON, and to this machine's browser only?"""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from google.rpc import error_details_pb2

from bridge.client import Backoff, BridgeClient
from bridge.demo.page import serve_page
from bridge.v1.call_pb2 import CALL_STATE_ACTIVE, CALL_STATE_ENDED, Call
from bridge.v1.telemetry_pb2 import CallTelemetry
from tests.unit.client.fake_bridge import (
    FakeBridge,
    Refuse,
    calls,
    ended,
    error_info,
    event,
    retry_info,
    serving,
    telemetry,
)

AGENTS = calls.ListAgentsResponse(
    agents=[
        calls.AgentSummary(
            agent_id="greeter", name="Ada", languages=["en", "es-MX"], default_language="en"
        )
    ]
)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<title>page</title>")
    (tmp_path / "operator.html").write_text("<title>calls</title>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main.js").write_text("// script")
    return tmp_path


@pytest.fixture
def fake() -> FakeBridge:
    fake = FakeBridge()
    fake.answers["ListAgents"] = lambda _: AGENTS
    return fake


@pytest.fixture
async def browser(fake: FakeBridge, dist: Path) -> AsyncIterator[aiohttp.ClientSession]:
    backoff = Backoff(first_s=0.0, longest_s=0.0, attempts=1)
    async with (
        serving(fake) as target,
        BridgeClient(target, backoff=backoff) as bridge,
        serve_page(bridge, dist) as url,
        aiohttp.ClientSession(base_url=url) as session,
    ):
        yield session


async def answer(response: aiohttp.ClientResponse) -> Any:
    async with response:
        return json.loads(await response.read())


def refusing(refused: Refuse) -> Any:
    def refuse(_request: object) -> object:
        raise refused

    return refuse


async def test_the_page_and_its_files_are_served(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/") as page:
        assert "<title>page</title>" in await page.text()
        assert page.headers["Cache-Control"] == "no-cache"
    async with browser.get("/operator.html") as page:
        assert "<title>calls</title>" in await page.text()
        assert page.headers["Cache-Control"] == "no-cache"
    async with browser.get("/nothing.html") as nothing:
        assert nothing.status == 404
    async with browser.get("/assets/main.js") as script:
        assert await script.text() == "// script"
    async with browser.get("/../../etc/passwd") as outside:
        assert outside.status == 404


async def test_the_api_works_without_the_page(fake: FakeBridge) -> None:
    async with (
        serving(fake) as target,
        BridgeClient(target) as bridge,
        serve_page(bridge, None) as url,
        aiohttp.ClientSession(base_url=url) as session,
    ):
        async with session.get("/") as page:
            assert page.status == 503
        agents = await answer(await session.get("/livekit/agents"))
        assert agents["agents"][0]["agentId"] == "greeter"


async def test_the_tenants_agents_are_listed(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    listed = await answer(await browser.get("/livekit/agents", params={"tenantId": "acme"}))
    assert fake.requests[-1].tenant_id == "acme"
    assert listed == {
        "agents": [
            {
                "agentId": "greeter",
                "name": "Ada",
                "languages": ["en", "es-MX"],
                "defaultLanguage": "en",
            }
        ]
    }


async def test_create_room_speaks_the_seeds_json(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    fake.answers["CreateRoom"] = lambda _: calls.CreateRoomResponse(
        connection_id="call-1",
        room_name="room-1",
        access_token="token",  # noqa: S106
        server_url="ws://x",
        status="created",
    )
    asked = {
        "participantName": "user-123",
        "agentId": "agent-456",
        "voiceLanguage": "en",
        "tenantId": "tenant-789",
    }
    said = await answer(await browser.post("/livekit/create-room", json=asked))
    assert said == {
        "connectionId": "call-1",
        "roomName": "room-1",
        "accessToken": "token",
        "serverUrl": "ws://x",
        "status": "created",
    }
    sent = fake.requests[0]
    assert (sent.participant_name, sent.agent_id) == ("user-123", "agent-456")
    assert (sent.voice_language, sent.tenant_id) == ("en", "tenant-789")


async def test_the_other_calls_reach_the_bridge(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    fake.answers |= {
        "JoinRoom": lambda request: calls.JoinRoomResponse(room_name=request.room_name),
        "EndCall": lambda _: calls.EndCallResponse(status="success", message="over"),
        "GetConnectionStatus": lambda request: calls.GetConnectionStatusResponse(
            connection_id=request.connection_id, is_active=False, is_ai_ready=True
        ),
        "GetStats": lambda _: telemetry.GetStatsResponse(active_rooms=0),
    }
    joined = await browser.post("/livekit/join-room", json={"roomName": "r", "agentId": "a"})
    assert (await answer(joined))["roomName"] == "r"
    over = await answer(await browser.post("/livekit/end-call", json={"connectionId": "c"}))
    assert over == {"status": "success", "message": "over"}
    status = await answer(await browser.get("/livekit/connection-status/c"))
    assert status == {"connectionId": "c", "isActive": False, "isAIReady": True}
    assert (await answer(await browser.get("/livekit/stats")))["activeRooms"] == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 400),
        (grpc.StatusCode.FAILED_PRECONDITION, 400),
        (grpc.StatusCode.NOT_FOUND, 404),
        (grpc.StatusCode.ALREADY_EXISTS, 409),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        (grpc.StatusCode.INTERNAL, 500),
        (grpc.StatusCode.UNAVAILABLE, 503),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 504),
    ],
)
async def test_a_refusal_has_its_http_status(
    browser: aiohttp.ClientSession, fake: FakeBridge, code: grpc.StatusCode, status: int
) -> None:
    fake.answers["GetStats"] = refusing(Refuse(code, "because", [error_info("WHY")]))
    response = await browser.get("/livekit/stats")
    assert response.status == status
    assert await answer(response) == {"code": code.name, "reason": "WHY", "message": "because"}


async def test_a_full_bridge_says_when_to_come_back(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    refused = Refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", [retry_info(3)])
    fake.answers["CreateRoom"] = refusing(refused)
    async with browser.post("/livekit/create-room", json={}) as response:
        assert response.headers["Retry-After"] == "3"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"x"', b'{"agentId": 1}', b'{"agentID": "a"}', b"\xff\xfe", b"{"]
)
async def test_a_body_that_is_no_request_is_the_askers_mistake(
    browser: aiohttp.ClientSession, fake: FakeBridge, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    response = await browser.post("/livekit/create-room", data=body, headers=headers)
    assert response.status == 400
    assert (await answer(response))["code"] == "INVALID_ARGUMENT"
    assert not fake.requests


async def test_a_body_that_is_too_long_is_refused(browser: aiohttp.ClientSession) -> None:
    async with browser.post("/livekit/create-room", json={"agentId": "x" * 100_000}) as response:
        assert response.status == 413


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1:80"]
)
async def test_another_hosts_name_is_refused(browser: aiohttp.ClientSession, host: str) -> None:
    for path in ("/", "/livekit/stats", "/assets/main.js"):
        response = await browser.get(path, headers={"Host": host})
        assert response.status == 403
        assert (await answer(response))["reason"] == "HOST_NOT_LOOPBACK"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:80", "[::1]"])
async def test_loopback_names_are_served(browser: aiohttp.ClientSession, host: str) -> None:
    async with browser.get("/livekit/agents", headers={"Host": host}) as response:
        assert response.status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_post_that_is_not_json_is_refused(
    browser: aiohttp.ClientSession, fake: FakeBridge, kind: str
) -> None:
    response = await browser.post(
        "/livekit/end-call", data=b'{"connectionId": "c"}', headers={"Content-Type": kind}
    )
    assert response.status == 415
    assert (await answer(response))["reason"] == "NOT_JSON"
    assert not fake.requests


def live(state: Any, last_sequence: int) -> Any:
    call = Call(connection_id="call-1", state=state, last_sequence=last_sequence)
    return lambda _: calls.GetConnectionStatusResponse(call=call)


async def test_events_are_sent_with_their_numbers(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    fake.answers["GetConnectionStatus"] = live(CALL_STATE_ACTIVE, 2)
    fake.streams = [[event(1), ended(2)]]
    async with browser.get("/livekit/events/call-1") as response:
        assert response.content_type == "text/event-stream"
        text = await response.text()
    first, second, rest = text.split("\n\n")
    assert first.splitlines()[0] == "id: 1"
    assert json.loads(second.splitlines()[1].removeprefix("data: ")) == {
        "connectionId": "call-1",
        "sequence": "2",
        "ended": {},
    }
    assert rest == ""


async def test_a_browser_that_comes_back_gets_the_rest(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    fake.answers["GetConnectionStatus"] = live(CALL_STATE_ACTIVE, 9)
    fake.streams = [[ended(9)]]
    async with browser.get("/livekit/events/call-1", headers={"Last-Event-ID": "8"}) as response:
        await response.read()
    assert fake.requests[-1].after_sequence == 8


async def test_a_browser_that_has_seen_the_end_is_told_not_to_come_back(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    fake.answers["GetConnectionStatus"] = live(CALL_STATE_ENDED, 9)
    async with browser.get("/livekit/events/call-1", headers={"Last-Event-ID": "9"}) as response:
        assert response.status == 204


async def test_events_of_no_call_are_not_found(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    bad = error_details_pb2.ErrorInfo(reason="CALL_NOT_FOUND", domain="mediabridge")
    refused = Refuse(grpc.StatusCode.NOT_FOUND, "no such call", [bad])
    fake.answers["GetConnectionStatus"] = refusing(refused)
    response = await browser.get("/livekit/events/call-1")
    assert response.status == 404
    assert (await answer(response))["reason"] == "CALL_NOT_FOUND"


async def test_a_stream_that_breaks_ends_and_the_browser_comes_back(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    fake.answers["GetConnectionStatus"] = live(CALL_STATE_ACTIVE, 1)
    fake.streams = [[event(1), Refuse(grpc.StatusCode.OUT_OF_RANGE, "trimmed")]]
    async with browser.get("/livekit/events/call-1") as response:
        assert (await response.text()).startswith("id: 1\n")


async def test_silence_is_broken_by_a_heartbeat(
    browser: aiohttp.ClientSession, fake: FakeBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.demo.event_stream._HEARTBEAT_S", 0.01)
    fake.answers["GetConnectionStatus"] = live(CALL_STATE_ACTIVE, 1)
    fake.is_silent = True
    fake.streams = [[event(1)]]
    async with browser.get("/livekit/events/call-1") as response:
        text = b""
        while b": still here" not in text:
            text += await response.content.readany()
    await fake.stream_ended.wait()  # noticed, by writing, that the browser is gone


async def test_figures_are_streamed_of_all_calls_or_of_one(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    fake.answers["StreamTelemetry"] = lambda request: [
        telemetry.StreamTelemetryResponse(
            samples=[CallTelemetry(connection_id=request.connection_id or "any")]
        )
    ]
    for path, watched in (("/livekit/telemetry", "any"), ("/livekit/telemetry/call-1", "call-1")):
        async with browser.get(path, params={"interval": "0.5s"}) as response:
            assert response.content_type == "text/event-stream"
            text = await response.text()
        assert json.loads(text.removeprefix("data: ")) == {"samples": [{"connectionId": watched}]}
        assert fake.requests[-1].interval.ToTimedelta() == timedelta(seconds=0.5)


async def test_figures_that_are_refused_have_an_http_status(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    fake.answers["StreamTelemetry"] = refusing(Refuse(grpc.StatusCode.NOT_FOUND, "no such call"))
    async with browser.get("/livekit/telemetry/call-1") as response:
        assert response.status == 404


async def test_a_parameter_that_does_not_exist_is_refused_by_name(
    browser: aiohttp.ClientSession, fake: FakeBridge
) -> None:
    for query in ("often=1", "interval=often"):
        response = await browser.get(f"/livekit/telemetry?{query}")
        assert response.status == 400
        assert "often" in (await answer(response))["message"]
    assert not fake.requests
