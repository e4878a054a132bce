"""What watchers are told of growing texts, and how often."""

from bridge.calls.transcripts import Transcripts
from bridge.ports.event import Role, Transcript
from tests.fakes.clock import FakeClock


async def test_partial_texts_are_told_a_few_times_a_second() -> None:
    clock = FakeClock()
    transcripts = Transcripts(clock)
    told: list[Transcript] = []
    for _ in range(100):  # a second of words, ten milliseconds apart
        if (partial := transcripts.grow(Role.AGENT, "item", "a")) is not None:
            told.append(partial)
        await clock.advance(0.01)
    assert 3 <= len(told) <= 5
    assert told[0].text == "a"
    assert all(not partial.final for partial in told)


async def test_each_partial_holds_all_of_the_text_so_far() -> None:
    clock = FakeClock()
    transcripts = Transcripts(clock)
    transcripts.grow(Role.USER, "item", "one ")
    assert transcripts.grow(Role.USER, "item", "two ") is None
    await clock.advance(1)
    assert transcripts.grow(Role.USER, "item", "three") == Transcript(
        "item", Role.USER, "one two three", final=False
    )


async def test_final_text_replaces_what_grew_and_is_always_told() -> None:
    transcripts = Transcripts(FakeClock())
    transcripts.grow(Role.AGENT, "item", "helo")
    assert transcripts.finish(Role.AGENT, "item", "Hello.") == Transcript(
        "item", Role.AGENT, "Hello.", final=True
    )


async def test_how_sure_the_transcriber_was_comes_with_the_final_text() -> None:
    told = Transcripts(FakeClock()).finish(Role.USER, "item", "Hello.", confidence=0.5)
    assert told.confidence == 0.5


async def test_parts_of_an_item_are_told_in_their_order() -> None:
    clock = FakeClock()
    transcripts = Transcripts(clock)
    transcripts.grow(Role.AGENT, "item", " world", part=1)
    transcripts.finish(Role.AGENT, "item", "hello", part=0)
    await clock.advance(1)
    told = transcripts.grow(Role.AGENT, "item", "!", part=1)
    assert told is not None
    assert told.text == "hello world!"


async def test_items_and_roles_are_kept_apart() -> None:
    transcripts = Transcripts(FakeClock())
    first = transcripts.grow(Role.AGENT, "a", "one")
    second = transcripts.grow(Role.USER, "a", "two")
    third = transcripts.grow(Role.AGENT, "b", "three")
    assert [told and told.text for told in (first, second, third)] == ["one", "two", "three"]


async def test_texts_that_never_end_are_given_up() -> None:
    transcripts = Transcripts(FakeClock())
    for number in range(1000):
        transcripts.grow(Role.USER, f"item-{number}", "x")
    told = transcripts.grow(Role.USER, "item-0", "y")
    assert told is not None
    assert told.text == "y"
