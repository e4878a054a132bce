"""How a response is streamed, cancelled, limited and accounted for."""

import asyncio

from bridge.simulator.behaviours import Speech, ToolCall, Turn
from bridge.simulator.sound import tone

from .rig import audio_of, kinds, session, user_text, without_repeats


class _Caller:
    """Calls a tool, then says what it answered."""

    echoes = False

    def transcribe(self, turn: Turn) -> str:
        return turn.text

    def answer(self, turn: Turn) -> list[Speech | ToolCall]:
        if not turn.tool_outputs:
            return [ToolCall("weather", '{"city": "Paris"}')]
        answer = turn.tool_outputs[0]
        return [Speech(tone(500, 100), f"{answer.tool}: {answer.output}")]


async def test_a_spoken_response_comes_in_the_services_order() -> None:
    async with session(behaviour="tones") as client:
        events = await client.response(metadata={"topic": "greeting"})
    assert without_repeats(kinds(events))[:4] == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
    ]
    assert kinds(events)[4:6] == [
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
    ]
    assert kinds(events)[-8:] == [
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    response = events[-2]["response"]
    assert response["status"] == "completed"
    assert response["metadata"] == {"topic": "greeting"}
    assert response["output"][0]["content"][0]["transcript"] == "tone 1000 Hz"


async def test_usage_counts_tokens_by_modality() -> None:
    async with session(behaviour="tones", tone_ms=1000) as client:
        first = (await client.response())[-2]["response"]["usage"]
        second = (await client.response())[-2]["response"]["usage"]
    assert first["output_token_details"] == {"audio_tokens": 20, "text_tokens": 3}
    assert first["input_token_details"]["cached_tokens"] == 0
    assert second["input_token_details"]["audio_tokens"] == 20
    cached = second["input_token_details"]["cached_tokens_details"]
    assert cached["text_tokens"] == first["input_tokens"]
    for usage in (first, second):
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


async def test_a_text_response_has_no_audio() -> None:
    async with session(behaviour="tones") as client:
        events = await client.response(output_modalities=["text"])
    assert without_repeats(kinds(events)) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert events[-2]["response"]["output_modalities"] == ["text"]


async def test_a_second_response_is_refused_while_one_is_active() -> None:
    async with session(behaviour="tones", tone_ms=60_000, speed=10) as client:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.create", event_id="mine")
        error = (await client.until("error"))["error"]
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "mine"


async def test_a_cancelled_response_closes_what_it_opened() -> None:
    async with session(behaviour="tones", tone_ms=60_000, speed=10) as client:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await client.until("response.output_audio.done")
        events = await client.all_until("response.done")
        await client.until("rate_limits.updated")
        error = await client.refusal("response.cancel")
        sound_ms = audio_of(client.seen).size / 24
        item = events[-1]["response"]["output"][0]
        cut = {"item_id": item["id"], "content_index": 0, "audio_end_ms": 60_000}
        refused = await client.refusal("conversation.item.truncate", **cut)
    assert events[-1]["response"]["status_details"]["reason"] == "client_cancelled"
    assert "response.output_item.done" in kinds(events)
    assert error["code"] == "response_cancel_not_active"
    assert refused["message"].startswith(f"Audio content of {int(sound_ms)}ms is already shorter")


async def test_cancelling_goes_by_response_id() -> None:
    async with session(behaviour="tones", tone_ms=60_000, speed=10) as client:
        await client.send("response.create")
        response_id = (await client.until("response.created"))["response"]["id"]
        await client.send("response.cancel", response_id="resp_other", event_id="mine")
        error = (await client.until("error"))["error"]
        await client.send("response.cancel", response_id=response_id)
        done = await client.until("response.done")
    assert error["code"] == "response_cancel_not_active"
    assert done["response"]["status"] == "cancelled"


async def test_a_response_begins_after_the_cancelled_one_is_done() -> None:
    async with session(behaviour="tones", tone_ms=60_000, speed=10) as client:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        await client.send("response.create")
        await client.until("response.done")
        assert (await client.until("response.created"))["response"]["status"] == "in_progress"


async def test_a_response_outside_the_conversation_leaves_no_trace() -> None:
    async with session() as client:
        context = {"conversation": "none", "input": [user_text("aside")]}
        outside = await client.response(output_modalities=["text"], **context)
        await client.send("conversation.item.create", item=user_text("first", id="a"))
        added = await client.until("conversation.item.added")
    assert not [kind for kind in kinds(outside) if kind.startswith("conversation")]
    assert outside[-2]["response"]["conversation_id"] is None
    assert outside[-2]["response"]["output"][0]["content"][0]["text"] == "aside"
    assert added["previous_item_id"] is None


async def test_an_answer_past_its_tokens_is_incomplete() -> None:
    async with session(behaviour="tones", tone_ms=1000) as client:
        events = await client.response(max_output_tokens=10)
    response = events[-2]["response"]
    assert audio_of(events).size == 24 * 500
    assert (response["status"], response["status_details"]["reason"]) == (
        "incomplete",
        "max_output_tokens",
    )


async def test_a_tool_call_and_its_output_make_a_follow_up() -> None:
    async with session(behaviour=_Caller()) as client:
        call = await client.response()
        done = next(event for event in call if event["type"].endswith("arguments.done"))
        deltas = [event["delta"] for event in call if event["type"].endswith("arguments.delta")]
        output = {"type": "function_call_output", "call_id": done["call_id"], "output": "sunny"}
        await client.send("conversation.item.create", item=output)
        await client.until("conversation.item.done")
        follow_up = await client.response()
    assert done["name"] == "weather"
    assert len(done["call_id"]) <= 32
    assert "".join(deltas) == done["arguments"] == '{"city": "Paris"}'
    assert call[-2]["response"]["output"][0]["type"] == "function_call"
    spoken = follow_up[-2]["response"]["output"][0]["content"][0]["transcript"]
    assert spoken == "weather: sunny"


async def test_no_tool_is_called_where_tools_are_off() -> None:
    async with session(behaviour=_Caller()) as client:
        events = await client.response(tool_choice="none")
    assert events[-2]["response"]["output"] == []


async def test_deltas_are_as_long_as_set() -> None:
    async with session(behaviour="tones", tone_ms=1000, delta_ms=40) as client:
        events = await client.response()
    sizes = [audio_of([event]).size for event in events if event["type"].endswith("audio.delta")]
    assert sizes == [960] * 25


async def test_speed_sets_how_long_an_answer_takes() -> None:
    async with session(behaviour="tones", tone_ms=1000, speed=10, first_delta_ms=50) as client:
        now = asyncio.get_running_loop().time
        begun = now()
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        first = now()
        await client.until("response.done")
        done = now()
    # Nothing goes out before its time; how late it is seen is up to the machine.
    assert first - begun >= 0.05
    # The last of ten deltas goes out nine tenths into the answer.
    assert 0.05 + 0.09 <= done - begun < 0.9
