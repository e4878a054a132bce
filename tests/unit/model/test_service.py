"""Sessions open in time, as configured, or fail for a known reason and leave nothing behind."""

import asyncio
import logging
import socket
from dataclasses import replace
from typing import Any

import orjson
import pytest
from websockets.http11 import Request

from bridge.errors import ModelError, ModelFailure
from bridge.model.configuration import session_object
from bridge.model.service import RealtimeModels
from tests.unit.model.payloads import SESSION, created, error, event
from tests.unit.model.peer import CONFIG, KEY, PATIENCE_S, Peer, models, refuse, serving

pytestmark = pytest.mark.usefixtures("leaves_no_task")


async def failure_of_opening(url: str, **settings: Any) -> ModelError:
    async with models(url, **settings) as provider, asyncio.timeout(PATIENCE_S):
        with pytest.raises(ModelError) as caught:
            async with provider.open(CONFIG):
                pytest.fail("opened")
    return caught.value


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("", "http://127.0.0.1/v1"),
        ("k", "api.openai.com/v1"),
        ("k", "ws://127.0.0.1/v1"),
        ("k", "http:///v1"),
        ("k", "http://[::1/v1"),
        ("k", "http://127.0.0.1:99999/v1"),
    ],
)
async def test_provider_that_cannot_be_is_refused_at_once(key: str, url: str) -> None:
    with pytest.raises(ValueError, match=r"api_key|base_url|IPv6|Port"):
        RealtimeModels(key, url)


async def test_open_session_has_accepted_its_configuration() -> None:
    updates: list[Any] = []

    async def script(peer: Peer) -> None:
        updates.append(await peer.accept())
        await peer.until_gone()

    async with serving(script) as url, models(url) as provider, provider.open(CONFIG) as session:
        assert session.session_id == "sess_1"
    assert updates[0]["session"] == session_object(CONFIG)


async def test_request_names_model_key_and_end_user() -> None:
    requests: list[Request] = []

    def look(request: Request) -> None:
        requests.append(request)

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.until_gone()

    config = replace(CONFIG, safety_identifier="user-1")
    async with serving(script, look) as url, models(url) as provider, provider.open(config):
        pass
    assert requests[0].path == "/v1/realtime?model=gpt-realtime-2.1"
    assert requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert requests[0].headers["OpenAI-Safety-Identifier"] == "user-1"
    assert "Sec-WebSocket-Extensions" not in requests[0].headers


class NumberedKeys:
    """Implements ModelKeys."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    async def key_for(self, model: str, safety_identifier: str | None) -> str:
        self.asked.append((model, safety_identifier))
        return f"ek_{len(self.asked)}"


async def test_each_connection_has_a_key_of_its_own_where_keys_are_given() -> None:
    requests: list[Request] = []

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.until_gone()

    keys = NumberedKeys()
    config = replace(CONFIG, safety_identifier="user-1")
    async with serving(script, requests.append) as url, RealtimeModels(KEY, url, keys=keys) as some:
        for _ in range(2):
            async with some.open(config):
                pass
    sent = [request.headers["Authorization"] for request in requests]
    assert sent == ["Bearer ek_1", "Bearer ek_2"]
    assert keys.asked == [(CONFIG.model, "user-1")] * 2


async def test_other_events_and_garbage_do_not_disturb_the_opening() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"garbage")
        await peer.send(event("conversation.created", conversation={}))
        await peer.send(event("session.created", session=SESSION))
        await peer.receive("session.update")
        await peer.send(created())
        await peer.send(event("session.updated", session=SESSION))
        await peer.until_gone()

    async with serving(script) as url, models(url) as provider, provider.open(CONFIG) as session:
        assert session.counters().malformed_frames == 1


async def test_refused_configuration_is_rejected_with_its_field() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(event("session.created", session=SESSION))
        await peer.receive("session.update")
        await peer.send(error(param="session.audio.output.voice", message="Be brief. is wrong"))
        await peer.until_gone()

    async with serving(script) as url:
        failed = await failure_of_opening(url)
    assert failed.failure is ModelFailure.CONFIG_REJECTED
    assert failed.detail == "invalid_value session.audio.output.voice"


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [
        (401, "invalid_api_key", ModelFailure.AUTH),
        (403, None, ModelFailure.AUTH),
        (429, "insufficient_quota", ModelFailure.QUOTA),
        (429, None, ModelFailure.RATE_LIMITED),
        (404, "model_not_found", ModelFailure.CONFIG_REJECTED),
        (503, None, ModelFailure.UNAVAILABLE),
    ],
)
async def test_refused_upgrade_is_classified(
    status: int, code: str | None, failure: ModelFailure
) -> None:
    async with serving(Peer.until_gone, refuse(status, code)) as url:
        failed = await failure_of_opening(url)
    assert failed.failure is failure
    assert KEY not in str(failed)


async def test_refusal_after_the_upgrade_is_classified() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(error("insufficient_quota"))
        await peer.connection.close(1008)

    async with serving(script) as url:
        assert (await failure_of_opening(url)).failure is ModelFailure.QUOTA


async def test_hanging_up_at_once_is_unavailable() -> None:
    async def script(peer: Peer) -> None:
        await peer.connection.close(1013)

    async with serving(script) as url:
        failed = await failure_of_opening(url)
    assert (failed.failure, failed.detail) == (ModelFailure.UNAVAILABLE, "closed 1013")


async def test_silent_server_is_given_up_at_the_deadline() -> None:
    async with serving(Peer.until_gone) as url:
        failed = await failure_of_opening(url, open_deadline_s=0.1)
    assert (failed.failure, failed.detail) == (ModelFailure.UNAVAILABLE, "deadline")


async def test_server_that_does_not_even_upgrade_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        failed = await failure_of_opening(url, open_deadline_s=0.1)
    assert (failed.failure, failed.detail) == (ModelFailure.UNAVAILABLE, "deadline")


async def test_nobody_listening_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failed = await failure_of_opening(f"http://127.0.0.1:{port}/v1")
    assert failed.failure is ModelFailure.UNAVAILABLE


async def test_garbage_instead_of_a_session_ends_the_opening() -> None:
    async def script(peer: Peer) -> None:
        for _ in range(16):
            await peer.send(b"\x00garbage")
        await peer.until_gone()

    async with serving(script) as url:
        failed = await failure_of_opening(url)
    assert (failed.failure, failed.detail) == (ModelFailure.LOST, "protocol")


@pytest.mark.parametrize("configuring", [False, True])
async def test_cancelled_opening_leaves_no_socket(configuring: bool) -> None:
    reached = asyncio.Event()
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        if configuring:
            await peer.send(event("session.created", session=SESSION))
            await peer.receive("session.update")
        reached.set()
        await peer.until_gone()
        gone.set()

    async def opening(url: str) -> None:
        async with models(url) as provider, provider.open(CONFIG):
            pytest.fail("opened")

    async with serving(script) as url, asyncio.timeout(PATIENCE_S):
        task = asyncio.create_task(opening(url))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()


async def test_what_the_caller_raises_comes_out_as_it_is() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.until_gone()

    async with serving(script) as url, models(url) as provider:
        with pytest.raises(ModelError, match="own"):
            async with provider.open(CONFIG):
                raise ModelError(ModelFailure.LOST, "own")


async def answer_http(
    status: str, body: bytes, writer: asyncio.StreamWriter, reader: asyncio.StreamReader
) -> bytes:
    """Answer one HTTP request and return it."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().splitlines()
        if line.startswith(b"content-length")
    )
    request = head + await reader.readexactly(length)
    writer.write(
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    return request


class KeyServer:
    """Answers requests for ephemeral keys with one fixed answer."""

    def __init__(self, status: str, body: object) -> None:
        self._status = status
        self._body = body if isinstance(body, bytes) else orjson.dumps(body)
        self.requests: list[bytes] = []

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await answer_http(self._status, self._body, writer, reader))


async def test_ephemeral_key_carries_the_configuration() -> None:
    server = KeyServer("200 OK", {"value": "ek_1", "expires_at": 1_900_000_000, "session": SESSION})
    config = replace(CONFIG, safety_identifier="user-1")
    async with server as url, models(url) as provider:
        key = await provider.create_ephemeral_key(config, ttl_s=60)
    assert (key.value, key.expires_at.timestamp()) == ("ek_1", 1_900_000_000)
    assert key.expires_at.tzinfo is not None
    assert key.session == SESSION
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/realtime/client_secrets ")
    assert b"openai-safety-identifier: user-1" in head.lower()
    assert orjson.loads(body) == {
        "session": session_object(config),
        "expires_after": {"anchor": "created_at", "seconds": 60},
    }


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        ("401 Unauthorized", {"error": {"code": "invalid_api_key"}}, ModelFailure.AUTH),
        ("429 Too Many", {"error": {"code": "insufficient_quota"}}, ModelFailure.QUOTA),
        ("429 Too Many", {"error": {}}, ModelFailure.RATE_LIMITED),
        ("400 Bad Request", {"error": {"code": "invalid_value"}}, ModelFailure.CONFIG_REJECTED),
        ("500 Oh", b"<html>", ModelFailure.UNAVAILABLE),
        ("200 OK", b"garbage", ModelFailure.UNAVAILABLE),
        ("200 OK", {"value": "ek_1"}, ModelFailure.UNAVAILABLE),
        ("200 OK", {"value": "e", "expires_at": 1 << 62, "session": {}}, ModelFailure.UNAVAILABLE),
    ],
)
async def test_failing_key_is_classified_after_one_try(
    status: str, body: object, failure: ModelFailure
) -> None:
    server = KeyServer(status, body)
    async with server as url, models(url) as provider:
        with pytest.raises(ModelError) as caught:
            await provider.create_ephemeral_key(CONFIG, ttl_s=60)
    assert caught.value.failure is failure
    assert len(server.requests) == 1


async def test_key_that_does_not_come_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        async with models(url, key_deadline_s=0.1) as provider:
            with pytest.raises(ModelError) as caught:
                await provider.create_ephemeral_key(CONFIG, ttl_s=60)
    assert caught.value.failure is ModelFailure.UNAVAILABLE


async def test_neither_key_nor_prompt_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.until_gone()

    server = KeyServer("200 OK", {"value": "ek_1", "expires_at": 1_900_000_000, "session": SESSION})
    with caplog.at_level(logging.DEBUG):
        async with serving(script) as url, models(url) as provider, provider.open(CONFIG):
            pass
        async with server as url, models(url) as provider:
            await provider.create_ephemeral_key(CONFIG, ttl_s=60)
    ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    logged = " ".join(record.getMessage() for record in ours)
    for secret in (KEY, CONFIG.instructions, "ek_1"):
        assert secret not in logged
