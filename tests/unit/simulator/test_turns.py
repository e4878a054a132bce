"""How audio becomes turns: voice detection, commits, transcription, idle callers."""

import numpy as np

from bridge.simulator.audio_format import FormatName, audio_format
from bridge.simulator.sound import Samples, dominant_hz, silence, tone

from .rig import Client, Event, audio_of, kinds, session, spoken

_MANUAL = {"audio": {"input": {"turn_detection": None}}}


async def _transcribed(client: Client, **fields: object) -> None:
    await client.configure(audio={"input": {"transcription": {"model": "whisper-1"}}}, **fields)


async def test_a_turn_is_found_committed_and_answered_in_order() -> None:
    async with session() as client:
        await client.say(silence(1000), spoken())
        events = await client.all_until("response.created")
    assert kinds(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    started, stopped, committed, added, *_ = events
    assert 600 <= started["audio_start_ms"] <= 740
    assert 2060 <= stopped["audio_end_ms"] <= 2140
    assert {started["item_id"], stopped["item_id"], committed["item_id"], added["item"]["id"]} == {
        started["item_id"]
    }


async def test_a_turn_reaches_the_model_with_its_padding() -> None:
    async with session() as client:
        await client.detect_turns(prefix_padding_ms=200, silence_duration_ms=300)
        await client.say(silence(1000), tone(440, 600), silence(500))
        heard = audio_of(await client.all_until("response.done"))
    assert abs(heard.size / 24 - (200 + 600 + 300)) <= 40
    assert not np.any(heard[: 24 * 180])


async def test_a_higher_threshold_wants_a_louder_voice() -> None:
    quiet = (spoken() // 8).astype(np.int16)
    async with session() as client:
        await client.detect_turns(threshold=0.9)
        await client.say(quiet)
        await client.detect_turns(threshold=0.5)
        assert client.seen[-1]["type"] == "session.updated"
        await client.say(quiet)
        assert (await client.next())["type"] == "input_audio_buffer.speech_started"


async def test_turns_go_unanswered_without_create_response() -> None:
    async with session() as client:
        await client.detect_turns(create_response=False)
        await client.say(spoken(), spoken())
        events = await client.all_until("input_audio_buffer.committed")
        events += await client.all_until("input_audio_buffer.committed")
    assert "response.created" not in kinds(events)


async def test_speech_interrupts_a_long_answer_at_once() -> None:
    async with session(behaviour="tones", tone_ms=600_000, speed=50) as client:
        await client.say(spoken())
        await client.until("response.output_audio.delta")
        await client.say(tone(440, 200))
        events = await client.all_until("response.done")
    done = events[-1]["response"]
    assert "input_audio_buffer.speech_started" in kinds(events)
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == "incomplete"


async def test_speech_does_not_interrupt_where_that_is_off() -> None:
    async with session(behaviour="tones", tone_ms=5000, speed=50) as client:
        await client.detect_turns(interrupt_response=False)
        await client.say(spoken())
        await client.until("response.output_audio.delta")
        await client.say(spoken())
        error = (await client.until("error"))["error"]
        done = (await client.until("response.done"))["response"]
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] is None
    assert done["status"] == "completed"


async def test_a_turn_after_an_interruption_is_answered() -> None:
    async with session(behaviour="tones", tone_ms=60_000, speed=10) as client:
        await client.say(spoken(440))
        await client.until("response.output_audio.delta")
        await client.say(spoken(700), chunk_ms=2000)
        first = await client.until("response.done")
        second = await client.until("response.created")
        heard = [await client.until("response.output_audio.delta") for _ in range(5)]
    assert first["response"]["status"] == "cancelled"
    assert second["response"]["id"] != first["response"]["id"]
    assert round(dominant_hz(audio_of(heard)) or 0, -1) == 1400


async def test_semantic_detection_waits_by_its_eagerness() -> None:
    async with session() as client:
        detection = {"type": "semantic_vad", "eagerness": "high"}
        await client.configure(audio={"input": {"turn_detection": detection}})
        await client.say(tone(440, 500), silence(2000))
        started = await client.until("input_audio_buffer.speech_started")
        stopped = await client.until("input_audio_buffer.speech_stopped")
    assert started["audio_start_ms"] == 0
    assert 1490 <= stopped["audio_end_ms"] <= 1540


async def test_without_detection_the_client_commits() -> None:
    async with session() as client:
        await client.configure(**_MANUAL)
        await client.say(spoken())
        events = [await client.ask("input_audio_buffer.commit")]
        events += [await client.next(), await client.next()]
        answer = audio_of(await client.response())
    assert kinds(events)[0] == "input_audio_buffer.committed"
    assert answer.size == spoken().size


async def test_committing_less_than_100_ms_is_refused() -> None:
    async with session() as client:
        await client.configure(**_MANUAL)
        await client.say(tone(440, 99))
        short = await client.refusal("input_audio_buffer.commit")
        await client.say(tone(440, 1))
        enough = await client.ask("input_audio_buffer.commit")
    assert short["code"] == "input_audio_buffer_commit_empty"
    assert "99.00ms" in short["message"]
    assert enough["type"] == "input_audio_buffer.committed"


async def test_a_cleared_buffer_is_empty() -> None:
    async with session() as client:
        await client.configure(**_MANUAL)
        await client.say(spoken())
        cleared = await client.ask("input_audio_buffer.clear")
        error = await client.refusal("input_audio_buffer.commit")
    assert cleared["type"] == "input_audio_buffer.cleared"
    assert error["code"] == "input_audio_buffer_commit_empty"


async def test_of_too_long_a_turn_the_oldest_audio_is_dropped() -> None:
    async with session(max_turn_s=1) as client:
        await client.configure(**_MANUAL)
        await client.say(tone(440, 2000), tone(880, 1000))
        await client.send("input_audio_buffer.commit")
        answer = audio_of(await client.response())
    assert answer.size == 24_000
    assert round(dominant_hz(answer) or 0) == 880


async def test_a_turn_is_transcribed_before_it_is_answered() -> None:
    async with session(behaviour="tones") as client:
        await _transcribed(client)
        await client.say(spoken(440))
        events = await client.all_until("response.created")
    delta, completed = events[-3:-1]
    assert delta["delta"] == completed["transcript"] == "tone 440 Hz"
    assert completed["usage"]["total_tokens"] > 0
    assert completed["logprobs"] is None


async def test_log_probabilities_come_where_they_are_asked_for() -> None:
    async with session(behaviour="tones") as client:
        await _transcribed(client, include=["item.input_audio_transcription.logprobs"])
        await client.say(spoken(440))
        kind = "conversation.item.input_audio_transcription.completed"
        completed = await client.until(kind)
    assert [part["token"] for part in completed["logprobs"]] == ["tone", "440", "Hz"]


async def test_a_transcriber_that_knows_no_probabilities_gives_none() -> None:
    async with session(behaviour="tones", transcription_logprob=None) as client:
        await _transcribed(client, include=["item.input_audio_transcription.logprobs"])
        await client.say(spoken(440))
        kind = "conversation.item.input_audio_transcription.completed"
        completed = await client.until(kind)
    assert completed["logprobs"] is None


async def test_a_slow_transcript_comes_after_the_answer_began() -> None:
    async with session(behaviour="tones", transcription_ms=20) as client:
        await _transcribed(client)
        await client.say(spoken(440))
        kind = "conversation.item.input_audio_transcription.completed"
        events = await client.all_until(kind)
    assert "response.created" in kinds(events)


async def test_an_idle_caller_is_prompted_once_the_answer_was_played() -> None:
    async with session(behaviour="tones", tone_ms=2000) as client:
        await client.detect_turns(idle_timeout_ms=5000)
        await client.response()
        await client.say(silence(6900), chunk_ms=100)
        await client.send("conversation.item.create", item=_hello())
        assert (await client.next())["type"] == "conversation.item.added"
        await client.until("conversation.item.done")
        await client.say(silence(200))
        events = await client.all_until("response.done")
    timeout, committed = events[:2]
    assert timeout["type"] == "input_audio_buffer.timeout_triggered"
    assert timeout["audio_start_ms"] == 2000
    assert 7000 <= timeout["audio_end_ms"] <= 7100
    assert committed["item_id"] == timeout["item_id"]


async def test_an_idle_caller_is_left_alone_by_a_model_that_is_not_to_decide_anything() -> None:
    async with session(behaviour="tones", tone_ms=200) as client:
        decides_nothing = {"create_response": False, "interrupt_response": False}
        await client.detect_turns(idle_timeout_ms=5000, **decides_nothing)
        await client.response()
        await client.say(silence(8000), chunk_ms=100)
        await client.send("conversation.item.create", item=_hello())
        assert (await client.next())["type"] == "conversation.item.added"


async def test_g711_is_heard_and_spoken() -> None:
    names: tuple[FormatName, ...] = ("audio/pcmu", "audio/pcma")
    for name in names:
        async with session(behaviour="tones") as client:
            wire = {"format": {"type": name}}
            await client.configure(audio={"input": wire, "output": wire})
            await client.say(_as_g711(spoken(440), name))
            events = await client.all_until("response.done")
        assert "tone 880 Hz" in str(events[-1])
        assert audio_of(events).nbytes == 8000


def _as_g711(samples: Samples, name: FormatName) -> Samples:
    """Return G.711 bytes, two to a sample: the client sends bytes, whatever they mean."""
    return np.frombuffer(audio_format(name).encode(samples), dtype=np.int16)


def _hello() -> Event:
    return {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]}
