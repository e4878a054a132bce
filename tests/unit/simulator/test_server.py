"""Who is let in, how the simulator starts and stops, and that openai's client agrees with it."""

import asyncio
import base64
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, AuthenticationError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import InvalidStatus

from bridge.simulator import Simulator, serve
from bridge.simulator.event_shapes import CLIENT_EVENTS
from bridge.simulator.keys import Keys
from bridge.simulator.wire import Refusal

from .rig import at_once, check_strictly, connected, eventually, kinds, spoken


async def _until(connection: AsyncRealtimeConnection, kind: str) -> Any:
    while True:
        event = await connection.recv()
        check_strictly(event.to_dict(mode="python"))
        if event.type == kind:
            return event


async def test_openais_client_sends_every_event_and_knows_every_answer() -> None:
    async with (
        Simulator(at_once(behaviour="tones")) as simulator,
        AsyncOpenAI(api_key="none", base_url=simulator.url) as openai,
        openai.realtime.connect(model="gpt-realtime") as connection,
    ):
        await _until(connection, "session.created")
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}}
        )
        await _until(connection, "session.updated")
        audio = base64.b64encode(spoken().tobytes()).decode()
        await connection.input_audio_buffer.append(audio=audio)
        done = await _until(connection, "response.done")
        item_id = done.response.output[0].id
        await connection.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=100
        )
        await _until(connection, "conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=item_id)
        await _until(connection, "conversation.item.retrieved")
        await connection.conversation.item.delete(item_id=item_id)
        await _until(connection, "conversation.item.deleted")
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hello"}],
            }
        )
        await _until(connection, "conversation.item.done")
        await connection.response.create(response={"output_modalities": ["text"]})
        await _until(connection, "response.done")
        await connection.input_audio_buffer.clear()
        await _until(connection, "input_audio_buffer.cleared")
        codes = []
        await connection.input_audio_buffer.commit(event_id="mine")
        codes.append((await _until(connection, "error")).error.code)
        await connection.response.cancel(event_id="mine")
        codes.append((await _until(connection, "error")).error.code)
        await connection.output_audio_buffer.clear(event_id="mine")
        codes.append((await _until(connection, "error")).error.code)
        received = set(simulator.totals.received)
    assert done.response.status == "completed"
    assert codes == [
        "input_audio_buffer_commit_empty",
        "response_cancel_not_active",
        "invalid_value",
    ]
    assert received == set(CLIENT_EVENTS)


async def test_only_accepted_keys_are_let_in() -> None:
    async with Simulator(at_once(accepted_keys=frozenset({"sk-good"}))) as simulator:
        async with connected(simulator, key="sk-good"):
            pass
        async with AsyncOpenAI(api_key="sk-bad", base_url=simulator.url, max_retries=0) as openai:
            with pytest.raises(InvalidStatus) as refused:
                await openai.realtime.connect(model="m").enter()
            with pytest.raises(AuthenticationError) as unminted:
                await openai.realtime.client_secrets.create()
    assert refused.value.response.status_code == 401
    assert b'"invalid_api_key"' in refused.value.response.body
    assert unminted.value.code == "invalid_api_key"


async def test_a_client_secret_opens_a_session_as_it_was_minted() -> None:
    async with (
        Simulator(at_once(accepted_keys=frozenset({"sk-good"}))) as simulator,
        AsyncOpenAI(api_key="sk-good", base_url=simulator.url) as openai,
    ):
        secret = await openai.realtime.client_secrets.create(
            session={"type": "realtime", "instructions": "Be brief.", "model": "gpt-x"},
            expires_after={"anchor": "created_at", "seconds": 60},
        )
        async with connected(simulator, key=secret.value) as client:
            created = client.seen[0]["session"]
    assert secret.value.startswith("ek_")
    assert secret.session.type == "realtime"
    assert created["instructions"] == "Be brief."
    assert created["model"] == "gpt-x"


async def test_a_bad_client_secret_request_is_refused() -> None:
    async with Simulator(at_once()) as simulator, aiohttp.ClientSession() as http:
        url = f"{simulator.url}/realtime/client_secrets"
        params = []
        for body in ({"session": {"type": "x"}}, {"expires_after": {"seconds": 1}}, {"a": 1}):
            async with http.post(url, json=body) as response:
                assert response.status == 400
                params.append((await response.json())["error"]["param"])
    assert params == ["session.type", "expires_after.seconds", "a"]


def test_an_ephemeral_key_expires() -> None:
    now = 1000.0
    keys = Keys(None, lambda: now)
    key = keys.mint({"type": "realtime"}, 60)
    assert keys.check(f"Bearer {key.value}") is key
    now = 1061.0
    with pytest.raises(Refusal, match="Incorrect API key"):
        keys.check(f"Bearer {key.value}")
    assert keys.check("Bearer anything") is None


async def test_leaving_the_simulator_closes_every_session_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as http:
        async with Simulator(at_once(behaviour="tones", tone_ms=60_000, speed=1)) as simulator:
            sockets = [await http.ws_connect(f"{simulator.url}/realtime") for _ in range(3)]
            for socket in sockets:
                await socket.receive()
                await socket.send_str('{"type": "response.create"}')
                await socket.receive()
            sessions = len(simulator.sessions)
            receiving = [asyncio.ensure_future(_close_code(socket)) for socket in sockets]
        codes = [await code for code in receiving]
    assert sessions == 3
    assert codes == [1001] * 3
    assert not simulator.sessions
    assert simulator.totals.sessions_open == 0
    assert asyncio.all_tasks() == before


async def _close_code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in socket:
        pass
    return socket.close_code


async def test_a_session_ends_with_its_socket() -> None:
    async with Simulator(at_once(behaviour="tones", tone_ms=60_000, speed=1)) as simulator:
        async with connected(simulator) as client:
            await client.send("response.create")
            await client.until("response.output_audio.delta")
        await eventually(lambda: not simulator.totals.sessions_open)
        assert not simulator.sessions


async def test_twenty_sessions_are_served_at_once() -> None:
    async def converse(simulator: Simulator) -> list[str]:
        async with connected(simulator) as client:
            await client.say(spoken(), chunk_ms=20)
            return kinds(await client.all_until("response.done"))

    async with Simulator(at_once(behaviour="tones")) as simulator:
        heard = await asyncio.gather(*(converse(simulator) for _ in range(20)))
    assert all("response.output_audio.delta" in events for events in heard)
    assert simulator.totals.sessions_opened == 20


async def test_serving_lasts_until_it_is_cancelled() -> None:
    serving = asyncio.ensure_future(serve(at_once()))
    await asyncio.sleep(0)
    assert not serving.done()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
