"""What happens to conversation items, and which changes are refused."""

import base64

import pytest

from bridge.simulator.sound import tone

from .rig import Client, Event, kinds, session, user_text


async def _answer(client: Client) -> Event:
    """Return the item of a spoken answer."""
    done = (await client.response())[-2]["response"]
    item: Event = done["output"][0]
    return item


async def test_an_item_is_added_after_the_one_it_names() -> None:
    async with session() as client:
        for item_id, previous in (("a", None), ("b", None), ("c", "a"), ("d", "root")):
            place = {"previous_item_id": previous} if previous else {}
            item = user_text("hello", id=item_id)
            await client.send("conversation.item.create", item=item, **place)
            added, done = await client.next(), await client.next()
            assert kinds([added, done]) == ["conversation.item.added", "conversation.item.done"]
            assert added["item"]["id"] == done["item"]["id"] == item_id
        before = {event["item"]["id"]: event["previous_item_id"] for event in client.seen[1::2]}
    assert before == {"a": None, "b": "a", "c": "a", "d": None}


async def test_created_items_are_announced_too_where_that_is_set() -> None:
    async with session(announces_created_items=True) as client:
        await client.send("conversation.item.create", item=user_text("hello"))
        events = await client.all_until("conversation.item.done")
    assert "conversation.item.created" in kinds(events)


async def test_an_item_without_an_id_gets_a_short_one() -> None:
    async with session() as client:
        added = await client.ask("conversation.item.create", item=user_text("hello"))
    assert 0 < len(added["item"]["id"]) <= 32


@pytest.mark.parametrize(
    ("item", "place", "code"),
    [
        (user_text("x", id="a"), {}, "item_create_duplicate_item_id"),
        (user_text("x"), {"previous_item_id": "zz"}, "item_create_invalid_previous_item_id"),
        (user_text("x", id="i" * 33), {}, "string_above_max_length"),
        (
            {"type": "function_call_output", "call_id": "c9", "output": ""},
            {},
            "invalid_tool_call_id",
        ),
        ({"type": "message", "role": "robot", "content": []}, {}, "invalid_value"),
        ({"type": "message", "role": "user"}, {}, "missing_required_parameter"),
    ],
)
async def test_an_impossible_item_is_refused(item: Event, place: Event, code: str) -> None:
    async with session() as client:
        await client.send("conversation.item.create", item=user_text("hello", id="a"))
        await client.until("conversation.item.done")
        error = await client.refusal("conversation.item.create", item=item, **place)
    assert error["code"] == code


async def test_a_deleted_item_is_gone() -> None:
    async with session() as client:
        await client.send("conversation.item.create", item=user_text("hello", id="a"))
        await client.until("conversation.item.done")
        found = await client.ask("conversation.item.retrieve", item_id="a")
        deleted = await client.ask("conversation.item.delete", item_id="a")
        retrieve = await client.refusal("conversation.item.retrieve", item_id="a")
        delete = await client.refusal("conversation.item.delete", item_id="a")
    assert found["item"]["content"][0]["text"] == "hello"
    assert deleted["item_id"] == "a"
    assert retrieve["code"] == "item_retrieve_invalid_item_id"
    assert delete["code"] == "item_delete_invalid_item_id"


async def test_audio_in_a_created_item_is_heard_and_not_kept() -> None:
    audio = base64.b64encode(tone(440, 500).tobytes()).decode()
    item = user_text("", content=[{"type": "input_audio", "audio": audio}])
    async with session(behaviour="tones") as client:
        added = await client.ask("conversation.item.create", item=item)
        await client.until("conversation.item.done")
        events = await client.response()
        item["content"][0]["audio"] = "*"
        error = await client.refusal("conversation.item.create", item=item)
    assert added["item"]["content"] == [{"type": "input_audio"}]
    assert "tone 880 Hz" in str(events[-2])
    assert error["param"] == "audio"


async def test_truncating_cuts_the_audio_and_forgets_the_transcript() -> None:
    async with session(behaviour="tones", tone_ms=1000) as client:
        item = await _answer(client)
        cut = {"item_id": item["id"], "content_index": 0}
        truncated = await client.ask("conversation.item.truncate", audio_end_ms=400, **cut)
        kept = await client.ask("conversation.item.retrieve", item_id=item["id"])
        error = await client.refusal("conversation.item.truncate", audio_end_ms=500, **cut)
    assert (truncated["type"], truncated["audio_end_ms"]) == ("conversation.item.truncated", 400)
    assert "transcript" not in kept["item"]["content"][0]
    assert error["message"] == "Audio content of 400ms is already shorter than 500ms"


async def test_truncating_past_the_end_is_refused() -> None:
    async with session(behaviour="tones", tone_ms=1000) as client:
        item = await _answer(client)
        error = await client.refusal(
            "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=1001
        )
    assert error["message"] == "Audio content of 1000ms is already shorter than 1001ms"
    assert error["code"] == "invalid_value"


async def test_truncating_what_the_model_did_not_say_is_refused() -> None:
    async with session() as client:
        await client.send("conversation.item.create", item=user_text("hello", id="a"))
        await client.until("conversation.item.done")
        cut = {"content_index": 0, "audio_end_ms": 0}
        user = await client.refusal("conversation.item.truncate", item_id="a", **cut)
        unknown = await client.refusal("conversation.item.truncate", item_id="b", **cut)
        cut["audio_end_ms"] = -1
        negative = await client.refusal("conversation.item.truncate", item_id="a", **cut)
    assert user["message"] == "Only model output audio messages can be truncated"
    assert unknown["code"] == "item_truncate_invalid_item_id"
    assert (negative["code"], negative["param"]) == ("integer_below_min_value", "audio_end_ms")


async def test_truncating_a_part_that_is_not_there_is_refused() -> None:
    async with session() as client:
        item = await _answer(client)
        error = await client.refusal(
            "conversation.item.truncate", item_id=item["id"], content_index=1, audio_end_ms=10
        )
    assert (error["code"], error["param"]) == ("invalid_value", "content_index")
