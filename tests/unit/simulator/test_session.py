"""What a session's configuration accepts, refuses and keeps."""

from typing import Any

import pytest

from bridge.simulator import Simulator

from .rig import at_once, connected, session

_TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}}


async def test_a_session_starts_with_the_services_defaults() -> None:
    async with Simulator(at_once()) as simulator, connected(simulator, model="gpt-x") as client:
        created = client.seen[0]["session"]
    assert created["model"] == "gpt-x"
    assert created["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert created["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}


async def test_an_update_changes_only_what_it_names() -> None:
    async with session() as client:
        await client.configure(instructions="Be brief.", tools=[_TOOL])
        updated = await client.configure(audio={"output": {"voice": "cedar"}})
    assert updated["instructions"] == "Be brief."
    assert updated["tools"] == [_TOOL]
    assert updated["audio"]["output"]["voice"] == "cedar"
    assert updated["audio"]["input"]["format"]["rate"] == 24000


async def test_other_turn_detection_starts_from_its_own_defaults() -> None:
    async with session() as client:
        await client.detect_turns(silence_duration_ms=250, threshold=0.7)
        kept = await client.detect_turns(threshold=0.6)
        semantic = await client.configure(
            audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}
        )
        off = await client.configure(audio={"input": {"turn_detection": None}})
    assert kept["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 250
    assert semantic["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
    }
    assert off["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(
    ("patch", "code", "param"),
    [
        ({"modalities": ["audio"]}, "unknown_parameter", "session.modalities"),
        ({"audio": {"input": {"vad": 1}}}, "unknown_parameter", "session.audio.input.vad"),
        ({"instructions": 5}, "invalid_type", "session.instructions"),
        ({"output_modalities": ["video"]}, "invalid_value", "session.output_modalities[0]"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"max_output_tokens": "many"}, "invalid_type", "session.max_output_tokens"),
        (
            {"audio": {"output": {"speed": 9.0}}},
            "decimal_above_max_value",
            "session.audio.output.speed",
        ),
        (
            {
                "audio": {
                    "input": {"turn_detection": {"type": "server_vad", "prefix_padding_ms": -1}}
                }
            },
            "integer_below_min_value",
            "session.audio.input.turn_detection.prefix_padding_ms",
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "loud"}}}},
            "invalid_value",
            "session.audio.input.turn_detection",
        ),
        (
            {"audio": {"input": {"turn_detection": {"threshold": 0.5}}}},
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
    ],
)
async def test_a_bad_field_is_refused_by_name_and_the_session_kept(
    patch: dict[str, Any], code: str, param: str
) -> None:
    async with session() as client:
        body = {"type": "realtime", "tracing": "auto", **patch}
        error = await client.refusal("session.update", session=body)
        after = await client.configure()
    assert (error["code"], error["param"]) == (code, param)
    assert after == client.seen[0]["session"]


async def test_an_update_must_say_its_type() -> None:
    async with session() as client:
        error = await client.refusal("session.update", session={"instructions": "x"})
    assert (error["code"], error["param"]) == ("missing_required_parameter", "session.type")


async def test_the_voice_is_fixed_once_the_model_has_spoken() -> None:
    async with session() as client:
        await client.configure(audio={"output": {"voice": "cedar"}})
        await client.response()
        patch = {"type": "realtime", "instructions": "new", "audio": {"output": {"voice": "ash"}}}
        error = await client.refusal("session.update", session=patch)
        same = await client.configure(audio={"output": {"voice": "cedar"}})
    assert error["code"] == "cannot_update_voice"
    assert same["instructions"] != "new"


async def test_what_is_no_event_is_refused() -> None:
    async with session() as client:
        unknown = await client.refusal("session.destroy")
        extra = await client.refusal("input_audio_buffer.clear", audio="")
        await client.socket.send_str("{")
        broken = await client.next()
        await client.socket.send_str("[]")
        array = await client.next()
        await client.socket.send_bytes(b"x")
        binary = await client.next()
        await client.configure()
    assert (unknown["code"], unknown["param"]) == ("invalid_value", "type")
    assert (extra["code"], extra["param"]) == ("unknown_parameter", "audio")
    assert [event["error"]["code"] for event in (broken, array, binary)] == [
        "invalid_json",
        "invalid_json",
        "invalid_event",
    ]


async def test_audio_that_is_not_base64_pcm_is_refused() -> None:
    async with session() as client:
        for audio in ("***", "AAA=AAAA", "AA=="):
            error = await client.refusal("input_audio_buffer.append", audio=audio)
            assert (error["code"], error["param"]) == ("invalid_value", "audio")
        error = await client.refusal("input_audio_buffer.append", audio=7)
        assert error["code"] == "invalid_type"


async def test_a_session_ends_at_its_longest_duration() -> None:
    async with session(max_session_s=0.01) as client:
        error = await client.until("error")
        closing = await client.socket.receive()
    assert error["error"]["code"] == "session_expired"
    assert closing.data == 1001
