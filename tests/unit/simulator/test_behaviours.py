"""What the model stand-ins say."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bridge.simulator import ScriptError, Simulator, SimulatorSettings
from bridge.simulator.behaviours import BEHAVIOUR_NAMES, Script, Tones, Turn
from bridge.simulator.sound import dominant_hz, silence, tone

from .rig import Client, audio_of, kinds, session, spoken, user_text


async def _text(client: Client, words: str) -> None:
    await client.send("conversation.item.create", item=user_text(words))
    await client.until("conversation.item.done")


def _write(folder: Path, text: str) -> Path:
    path = folder / "script.yaml"
    path.write_text(text)
    return path


async def test_the_parrot_says_back_what_it_heard() -> None:
    async with session(behaviour="parrot") as client:
        await client.say(spoken(440), chunk_ms=20)
        heard = audio_of(await client.all_until("response.done"))
    assert np.isclose(heard.size, 24 * (600 + 500), atol=24 * 20)
    assert round(dominant_hz(heard) or 0) == 440


async def test_the_parrot_repeats_text() -> None:
    async with session() as client:
        await _text(client, "good day")
        events = await client.response()
    assert "good day" in str(events[-2])


@pytest.mark.parametrize("frequency_hz", [300, 440, 1234])
async def test_tones_answer_an_octave_higher(frequency_hz: int) -> None:
    async with session(behaviour="tones") as client:
        await client.say(spoken(frequency_hz))
        events = await client.all_until("response.done")
    assert round(dominant_hz(audio_of(events)) or 0) == 2 * frequency_hz
    assert f"tone {2 * frequency_hz} Hz" in str(events[-1])


def test_tones_hear_the_loudest_of_a_long_turn() -> None:
    turn = Turn(number=1, heard=np.concatenate((silence(8000), tone(330, 3000), silence(9000))))
    assert Tones().transcribe(turn) == "tone 330 Hz"
    assert Tones().transcribe(Turn(number=1, heard=silence(1000))) == "silence"


async def test_the_loopback_sends_every_chunk_straight_back() -> None:
    said = np.concatenate((tone(440, 500), tone(880, 500)))
    async with session(behaviour="loopback") as client:
        await client.say(said, chunk_ms=20)
        deltas = [await client.until("response.output_audio.delta") for _ in range(50)]
        await client.send("response.cancel")
        done = await client.until("response.done")
        await client.until("rate_limits.updated")
        await client.say(said[:480])
        again = await client.all_until("response.output_audio.delta")
    assert np.array_equal(audio_of(deltas), said)
    assert done["response"]["status"] == "cancelled"
    assert kinds(again)[0] == "response.created"
    assert "input_audio_buffer.speech_started" not in kinds(client.seen)


async def test_a_script_answers_by_its_first_matching_rule(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "hello.wav"), "wb") as file:
        file.setparams((2, 2, 48_000, 0, "NONE", "not compressed"))
        stereo = np.repeat(np.sin(np.arange(48_000) * 2 * np.pi * 700 / 48_000) * 9000, 2)
        file.writeframes(stereo.astype("<i2").tobytes())
    script = _write(
        tmp_path,
        """
rules:
  - when: {greeting: true}
    say: {wav: hello.wav, transcript: Hello}
  - when: {text: WEATHER}
    call: {tool: weather, arguments: {city: Paris}}
  - when: {tool: weather}
    say: {silence_ms: 300, transcript: It is sunny}
  - when: {turn: 4}
    heard: goodbye
    say: {tone_hz: 600, duration_ms: 200, transcript: Bye}
    end: true
  - when: any
    say: {tone_hz: 900, transcript: Pardon}
""",
    )
    async with session(behaviour="script", script=script) as client:
        hello = await client.response()
        await _text(client, "How is the weather?")
        call = (await client.response())[-2]["response"]["output"][0]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}
        await client.send("conversation.item.create", item=output)
        follow_up = await client.response()
        await client.configure(audio={"input": {"transcription": {"model": "whisper-1"}}})
        await client.say(spoken())
        last = await client.all_until("rate_limits.updated")
        closing = await client.socket.receive()
    assert round(dominant_hz(audio_of(hello)) or 0) == 700
    assert abs(audio_of(hello).size - 24_000) < 100
    assert (call["name"], call["arguments"]) == ("weather", '{"city":"Paris"}')
    assert "It is sunny" in str(follow_up[-2])
    assert audio_of(follow_up).size == 24 * 300
    assert "goodbye" in str(last)
    assert round(dominant_hz(audio_of(last)) or 0) == 600
    assert closing.data == 1000


async def test_a_script_calls_several_tools_at_once_and_goes_by_what_they_answer(
    tmp_path: Path,
) -> None:
    script = _write(
        tmp_path,
        """
rules:
  - when: {instructions: whisper}
    say: {tone_hz: 300, duration_ms: 200}
  - when: {output: rain}
    say: {tone_hz: 400, duration_ms: 200}
  - when: {tool: weather, output: sun}
    say: {tone_hz: 500, duration_ms: 200}
  - when: any
    say: {tone_hz: 600, duration_ms: 200, transcript: One moment}
    call:
      - {tool: time}
      - {tool: weather, arguments: "{not json"}
""",
    )
    async with session(behaviour="script", script=script) as client:
        for answer, hz in (("rain", 400), ("sun", 500)):
            spoken, *calls = (await client.response())[-2]["response"]["output"]
            assert "One moment" in str(spoken)
            assert [call["name"] for call in calls] == ["time", "weather"]
            assert [call["arguments"] for call in calls] == ["{}", "{not json"]
            for call in calls:
                output = {"type": "function_call_output", "call_id": call["call_id"]}
                await client.send("conversation.item.create", item=output | {"output": answer})
            assert round(dominant_hz(audio_of(await client.response())) or 0) == hz
            whispered = await client.response(instructions="Now whisper.", input=[])
            assert round(dominant_hz(audio_of(whispered)) or 0) == 300


async def test_outputs_of_before_are_not_answered_again(tmp_path: Path) -> None:
    """A client that tells a new session the conversation so far has had that answer."""
    rules = "rules:\n  - when: {tool: weather}\n    say: {tone_hz: 500}\n"
    script = _write(tmp_path, rules)
    call = {"type": "function_call", "name": "weather", "arguments": "{}", "call_id": "call_1"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "sun"}
    said = {"type": "output_text", "text": "It is sunny."}
    answer = {"type": "message", "role": "assistant", "content": [said]}
    async with session(behaviour="script", script=script) as client:
        for item in (call, output, answer):
            await client.send("conversation.item.create", item=item)
        assert audio_of(await client.response()).size == 0
        await client.send("conversation.item.create", item=output)
        assert audio_of(await client.response()).size > 0


def test_a_turn_that_no_rule_matches_is_not_answered(tmp_path: Path) -> None:
    rules = "rules:\n  - when: {turn: 2}\n    end: true\n"
    assert Script(_write(tmp_path, rules)).answer(Turn(number=1)) == ()


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("rules:\n  - when: any\n    say: {tone: 5}\n", ":3: rules[0].say.tone: Extra inputs"),
        ("rules:\n  - when: any\n\n    say:\n      tone_hz: -1\n", ":5: rules[0].say.tone_hz: "),
        ("rules:\n  - when: any\n", ":2: rules[0]: Value error, a rule must have at least one"),
        ("rules:\n  - end: true\n", ":2: rules[0].when: Field required"),
        ("rules:\n  - when: any\n    say: {}\n", ":3: rules[0].say: Value error, say exactly one"),
        (
            "rules:\n  - when: any\n    say: {wav: no.wav}\n",
            ":3: rules[0].say: Value error, no.wav",
        ),
        ("rules:\n  - when: {turn: 0}\n    end: true\n", ":2: rules[0].when.turn: "),
        ("rules: []\n", ":1: rules: "),
        ("", ":1: the file: "),
        ("rules: [\n", ":2: is not YAML: "),
    ],
)
def test_a_mistake_in_a_script_has_its_line_and_field(
    tmp_path: Path, text: str, mistake: str
) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ScriptError) as caught:
        Script(path)
    assert str(caught.value).startswith(f"{path}{mistake}")


def test_a_script_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="cannot be read"):
        Simulator(SimulatorSettings(behaviour="script", script=tmp_path / "none.yaml"))


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    assert set(BEHAVIOUR_NAMES) == {"parrot", "tones", "loopback", "script"}
    wrongs: tuple[dict[str, Any], ...] = (
        {"speed": 0},
        {"behaviour": "cat"},
        {"behaviour": "script"},
        {"delta_ms": -1},
    )
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"must|script"):
            SimulatorSettings(**wrong)
    with pytest.raises(ValueError, match="script"):
        SimulatorSettings(script=tmp_path)
