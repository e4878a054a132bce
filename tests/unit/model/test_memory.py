"""What a new session is told is what was said and heard, in order."""

from bridge.model.memory import Memory
from bridge.pcm import MODEL_RATE_HZ, byte_count
from bridge.ports.model_config import ContextItem, ItemRole
from bridge.ports.model_event import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    FunctionCall,
    ModelEvent,
    SpeechStarted,
    UserTextDelta,
    UserTextDone,
)
from bridge.ports.tool import ToolCallId
from tests.unit.model.payloads import CALL


def remembering(*events: ModelEvent) -> Memory:
    memory = Memory()
    for event in events:
        memory.note(event)
    return memory


def said(memory: Memory) -> list[tuple[object, object]]:
    return [(item["role"], text_in(item["content"])) for item in memory.items()]


def text_in(content: object) -> object:
    assert isinstance(content, list)
    return content[0]["text"]


def sound(item_id: str, ms: float) -> AudioDelta:
    return AudioDelta("resp_1", item_id, 0, bytes(byte_count(ms, MODEL_RATE_HZ)))


TALK: tuple[ModelEvent, ...] = (
    SpeechStarted("item_u", 0),
    AgentTextDelta("item_a", 0, "one two "),
    sound("item_a", 1000),
    UserTextDone("item_u", "Count."),
    AgentTextDone("item_a", 0, "one two three four"),
)


def test_items_stand_in_the_order_in_which_they_began() -> None:
    assert said(remembering(*TALK)) == [("user", "Count."), ("assistant", "one two three four")]


CONTEXT = (
    ContextItem(ItemRole.USER, "I ordered a lamp."),
    ContextItem(ItemRole.AGENT, "It is on its way."),
    ContextItem(ItemRole.SYSTEM, "The lamp is lost."),
)


def test_what_was_known_from_the_start_comes_first() -> None:
    memory = Memory(CONTEXT)
    memory.note(UserTextDone("item_u", "Where is it?"))
    assert said(memory) == [
        ("user", "I ordered a lamp."),
        ("assistant", "It is on its way."),
        ("system", "The lamp is lost."),
        ("user", "Where is it?"),
    ]
    assert memory.items()[2]["content"] == [{"type": "input_text", "text": "The lamp is lost."}]
    assert memory.item("item_u") == (memory.items()[3], memory.items()[2]["id"])


def test_a_long_talk_never_pushes_out_what_was_known_from_the_start() -> None:
    memory = Memory((ContextItem(ItemRole.SYSTEM, "s" * 24_000),))
    for number in range(1_000):
        memory.note(UserTextDone(f"item_{number}", "u" * 1_000))
    told = memory.items()
    assert [item["role"] for item in told] == ["system"] + ["user"] * 24
    assert told[-1]["id"] == "item_999"


def test_items_have_the_shape_of_the_protocol() -> None:
    user, agent = remembering(*TALK).items()
    assert user == {
        "id": "item_u",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "Count."}],
    }
    assert agent["content"] == [{"type": "output_text", "text": "one two three four"}]


def test_what_was_cut_off_is_remembered_as_far_as_it_was_heard() -> None:
    memory = remembering(*TALK)
    memory.truncate("item_a", 0, 500)
    assert said(memory)[1] == ("assistant", "one two")


def test_words_that_come_after_the_cut_do_not_come_back() -> None:
    memory = remembering(*TALK[:3])
    memory.truncate("item_a", 0, 500)
    memory.note(TALK[4])
    assert said(memory) == [("assistant", "one two")]


def test_an_item_of_which_nothing_was_heard_is_forgotten() -> None:
    memory = remembering(*TALK)
    memory.truncate("item_a", 0, 0)
    assert said(memory) == [("user", "Count.")]
    memory.delete("item_u")
    assert memory.items() == []


def test_an_unfinished_text_is_remembered_so_far() -> None:
    memory = remembering(UserTextDelta("item_u", "Hel"), UserTextDelta("item_u", "lo"))
    assert said(memory) == [("user", "Hello")]


def test_a_turn_without_words_is_not_told() -> None:
    assert remembering(SpeechStarted("item_u", 0)).items() == []


def test_ids_that_the_protocol_does_not_take_are_left_out() -> None:
    [item] = remembering(UserTextDone("i" * 33, "Hello.")).items()
    assert "id" not in item


def test_of_too_many_words_the_newest_are_told() -> None:
    memory = remembering(*(UserTextDone(f"item_{n}", "x" * 10_000) for n in range(9)))
    assert [item["id"] for item in memory.items()] == [f"item_{n}" for n in range(5, 9)]


def test_of_too_many_items_the_oldest_are_forgotten() -> None:
    memory = remembering(*(UserTextDone(f"item_{n}", "x") for n in range(500)))
    assert len(memory.items()) == 400
    assert memory.text_of("item_0") == ""


def test_an_item_is_found_behind_the_one_before_it() -> None:
    memory = remembering(*TALK)
    found = memory.item("item_a")
    assert found is not None
    assert found[1] == "item_u"
    first = memory.item("item_u")
    assert first is not None
    assert first[1] == "root"
    assert memory.item("item_x") is None


def test_every_change_shows_in_the_revision() -> None:
    memory = remembering(UserTextDone("item_u", "Hello."))
    before = memory.revision
    memory.note(SpeechStarted("item_v", 0))
    assert memory.revision == before
    memory.note(UserTextDone("item_v", "Well?"))
    assert memory.revision > before


def kinds(memory: Memory) -> list[object]:
    return [item["type"] for item in memory.items()]


def call(number: int, arguments: str = "{}") -> FunctionCall:
    return FunctionCall("resp_1", f"item_{number}", ToolCallId(f"call_{number}"), "f", arguments)


def test_calls_and_outputs_stand_where_they_happened() -> None:
    memory = remembering(UserTextDone("item_u", "Well?"), CALL)
    memory.note(AgentTextDone("item_a", 0, "One moment."))
    memory.answer(CALL.call_id, "42")
    memory.note(AgentTextDone("item_b", 0, "It is 42."))
    told = memory.items()
    assert [item["type"] for item in told] == [
        "message",
        "function_call",
        "message",
        "function_call_output",
        "message",
    ]
    assert told[1] == {
        "id": "item_f",
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": "look_up",
        "arguments": "{}",
    }
    assert (told[3]["call_id"], told[3]["output"]) == ("call_1", "42")


def test_later_news_about_a_call_are_another_call_with_its_own_output() -> None:
    memory = remembering(CALL)
    memory.answer(CALL.call_id, "begun")
    told = memory.answer(CALL.call_id, "done")
    assert [item["type"] for item in told] == ["function_call", "function_call_output"]
    again, output = told
    assert (again["name"], again["arguments"]) == ("look_up", "{}")
    assert again["call_id"] == output["call_id"] != CALL.call_id
    assert len(str(again["call_id"])) <= 32
    assert memory.items()[2:] == told


def test_a_call_that_is_still_awaited_is_told_however_much_was_said_since() -> None:
    memory = remembering(CALL, *(UserTextDone(f"item_{n}", "x" * 10_000) for n in range(9)))
    assert kinds(memory) == ["function_call"] + ["message"] * 4


def test_no_output_is_told_without_its_call() -> None:
    memory = remembering(call(1, "x" * 40_000))
    memory.answer(ToolCallId("call_1"), "42")
    assert kinds(memory) == ["function_call", "function_call_output"]
    memory.note(UserTextDone("item_u", "x" * 10_000))
    assert kinds(memory) == ["message"]


def test_a_long_output_leaves_room_for_the_conversation() -> None:
    memory = remembering(UserTextDone("item_u", "Well?"), CALL)
    memory.answer(CALL.call_id, "x" * 60_000)
    assert kinds(memory) == ["message", "function_call", "function_call_output"]
    output = memory.items()[-1]["output"]
    assert isinstance(output, str)
    assert output.endswith("(shortened)")


def test_a_call_and_its_output_show_in_the_revision() -> None:
    memory = remembering()
    before = memory.revision
    memory.note(CALL)
    called = memory.revision
    memory.answer(CALL.call_id, "42")
    assert before < called < memory.revision
