"""What a new session is told is what was said and heard, in order."""

from bridge.model.memory import Memory
from bridge.pcm import MODEL_RATE_HZ, byte_count
from bridge.ports.model import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    ModelEvent,
    SpeechStarted,
    UserTextDelta,
    UserTextDone,
)


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
