"""What we send is what the provider's own types call valid."""

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from bridge.model.commands import TAG_KEY, Command, EventId, append, command
from bridge.model.items import FunctionCalls, Item, function_call, message
from tests.unit.model.payloads import CALL

CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)


def items_of_a_conversation() -> list[Item]:
    calls = FunctionCalls()
    calls.note(CALL)
    texts = [message("item_1", "user", "Hi."), message("item_2", "assistant", "Hello.")]
    return [
        *texts,
        function_call(CALL),
        *calls.answer(CALL.call_id, "begun"),
        *calls.answer(CALL.call_id, "42"),
    ]


ITEMS = items_of_a_conversation()


@pytest.mark.parametrize("make", [bytes, memoryview])
def test_append_carries_the_sound(make: Any) -> None:
    pcm = bytes(range(256)) * 4
    frame = orjson.loads(append(make(pcm)))
    assert CLIENT_EVENT.validate_python(frame).type == "input_audio_buffer.append"
    assert base64.b64decode(frame["audio"]) == pcm


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        (Command.UPDATE, {"session": {"type": "realtime"}}),
        (Command.RESPOND, {"response": {"metadata": {TAG_KEY: "greeting"}, "input": []}}),
        (Command.CANCEL, {"response_id": "resp_1"}),
        (Command.TRUNCATE, {"item_id": "item_1", "content_index": 0, "audio_end_ms": 10}),
        (Command.DELETE, {"item_id": "item_1"}),
    ],
)
def test_command_is_valid(what: Command, fields: dict[str, object]) -> None:
    frame = orjson.loads(command(EventId(what, 7, "tag"), **fields))
    read = CLIENT_EVENT.validate_python(frame)
    assert read.type == what.value
    assert EventId.parse(read.event_id) == EventId(what, 7, "tag")


@pytest.mark.parametrize("item", ITEMS)
def test_item_is_valid(item: Item) -> None:
    frame = orjson.loads(command(EventId(Command.CREATE, 7), item=item))
    assert CLIENT_EVENT.validate_python(frame).item.type == item["type"]


@given(what=st.sampled_from(Command), number=st.integers(0), tag=st.text())
def test_event_id_tells_what_was_sent(what: Command, number: int, tag: str) -> None:
    assert EventId.parse(str(EventId(what, number, tag))) == EventId(what, number, tag)


@pytest.mark.parametrize("text", [None, "", "event_1", "response.create/x/", "other/1/"])
def test_event_id_of_somebody_else_says_nothing(text: str | None) -> None:
    assert EventId.parse(text) is None
