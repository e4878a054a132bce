"""What goes wrong on demand, and how it looks to the client."""

import asyncio
from typing import Any

import aiohttp
import orjson
import pytest

from bridge.simulator import Faults, Simulator

from .rig import at_once, connected, eventually, session


async def _control(simulator: Simulator, method: str, path: str, body: Any = None) -> Any:
    url = simulator.url.removesuffix("/v1") + "/_simulator/" + path
    async with aiohttp.ClientSession() as http, http.request(method, url, json=body) as response:
        return await response.json()


async def test_a_dropped_socket_has_no_close_frame() -> None:
    async with Simulator(at_once()) as simulator, connected(simulator) as client:
        simulator.faults = Faults(drop_after_s=0)
        message = await client.socket.receive()
    assert message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    assert client.socket.close_code == 1006


async def test_a_drop_can_come_in_the_middle_of_a_response() -> None:
    async with session(behaviour="tones", speed=4, faults=Faults(on_response="drop")) as client:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        message = await client.socket.receive()
    assert message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    assert client.socket.close_code == 1006


async def test_a_close_says_why() -> None:
    async with session(faults=Faults(close_after_s=0)) as client:
        closing = await client.socket.receive()
    assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1001)


async def test_a_stalled_session_sends_nothing_until_the_fault_is_lifted() -> None:
    faults = Faults(on_response="stall")
    settings = at_once(behaviour="tones", faults=faults)
    async with Simulator(settings) as simulator, connected(simulator) as client:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.socket.ping(b"are you there")
        waiting = asyncio.ensure_future(client.socket.receive())
        await eventually(lambda: simulator.totals.responses)
        assert not waiting.done()
        await _control(simulator, "DELETE", "faults")
        first: dict[str, Any] = orjson.loads((await waiting).data)
        await client.until("response.done")
    assert first["type"].startswith("response.")


async def test_a_stall_ends_by_itself_where_that_is_set() -> None:
    async with session(faults=Faults(stall_after_s=0, stall_for_s=0.01)) as client:
        await client.configure(instructions="still there")


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "invalid_api_key"), (429, "rate_limit_exceeded"), (500, "server_error")],
)
async def test_a_refused_connection_says_so_in_the_services_words(status: int, code: str) -> None:
    faults = Faults(refuse_status=status, times=1)
    async with Simulator(at_once(faults=faults)) as simulator:
        url = f"{simulator.url}/realtime"
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            body = await response.json()
        async with connected(simulator):
            pass
    assert response.status == status
    assert body["error"]["code"] == code


async def test_garbage_is_no_event_of_the_protocol() -> None:
    async with Simulator(at_once()) as simulator, connected(simulator) as client:
        simulator.faults = Faults(garbage_after_s=0)
        broken = await client.socket.receive()
        simulator.faults = Faults(garbage_after_s=0, garbage="unknown_event")
        unknown = await client.socket.receive()
        simulator.faults = Faults(garbage_after_s=0, garbage="binary")
        binary = await client.socket.receive()
        simulator.faults = Faults()
        await client.configure()
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(broken.data)
    assert orjson.loads(unknown.data)["type"] == "simulator.event.nobody.knows"
    assert binary.type is aiohttp.WSMsgType.BINARY


async def test_an_error_has_the_code_that_is_asked_for() -> None:
    async with session(faults=Faults(error_after_s=0, error_code="insufficient_quota")) as client:
        error = await client.until("error")
    assert error["error"]["code"] == "insufficient_quota"


async def test_a_failed_response_says_nothing() -> None:
    async with session(faults=Faults(on_response="fail", times=1)) as client:
        failed = (await client.response())[-2]["response"]
        fine = (await client.response())[-2]["response"]
    assert (failed["status"], failed["output"]) == ("failed", [])
    assert failed["status_details"]["error"]["code"] == "server_error"
    assert fine["status"] == "completed"


async def test_faults_and_state_are_reached_over_http() -> None:
    async with Simulator(at_once(behaviour="tones")) as simulator, connected(simulator) as client:
        changed = await _control(simulator, "POST", "faults", {"error_after_s": 0})
        assert (await client.until("error"))["error"]["code"] == "server_error"
        bad = await _control(simulator, "POST", "faults", {"drop": 1})
        worse = await _control(simulator, "POST", "faults", {"garbage": "confetti"})
        negative = await _control(simulator, "POST", "faults", {"drop_after_s": -1})
        shown = await _control(simulator, "GET", "faults")
        cleared = await _control(simulator, "DELETE", "faults")
        await client.configure(instructions="Be brief.")
        item = (await client.response())[-2]["response"]["output"][0]["id"]
        cut = {"item_id": item, "content_index": 0, "audio_end_ms": 30}
        await client.ask("conversation.item.truncate", **cut)
        state = await _control(simulator, "GET", "state")
    assert changed == shown
    assert (changed["error_after_s"], cleared["error_after_s"]) == (0, None)
    assert bad["error"]["param"] == "drop"
    assert worse["error"]["param"] == "garbage"
    assert negative["error"]["code"] == "invalid_value"
    assert (state["sessions_open"], state["sessions_opened"], state["responses"]) == (1, 1, 1)
    assert state["truncations"] == [{"item_id": item, "audio_end_ms": 30}]
    assert state["last_session"]["instructions"] == "Be brief."
    assert state["received"]["session.update"] == 1
