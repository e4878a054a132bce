"""What watchers are told of the callers' words: how often, whose, and when they were said."""

from bridge.calls.speech.transcripts import Transcripts
from bridge.ids import Identity
from bridge.ports.event import Role, Transcript
from tests.fakes.clock import FakeClock

ADA, BEN = Identity("ada"), Identity("ben")


async def test_partial_texts_are_told_a_few_times_a_second() -> None:
    clock = FakeClock()
    transcripts = Transcripts(clock)
    told: list[Transcript] = []
    for _ in range(100):  # a second of words, ten milliseconds apart
        if (partial := transcripts.grow("item", "a")) is not None:
            told.append(partial)
        await clock.advance(0.01)
    assert 3 <= len(told) <= 5
    assert told[0].text == "a"
    assert all(not partial.final for partial in told)


async def test_each_partial_holds_all_of_the_text_so_far() -> None:
    clock = FakeClock()
    transcripts = Transcripts(clock)
    transcripts.grow("item", "one ")
    assert transcripts.grow("item", "two ") is None
    await clock.advance(1)
    assert transcripts.grow("item", "three") == Transcript(
        "item", Role.USER, "one two three", final=False
    )


async def test_final_text_replaces_what_grew_and_is_always_told() -> None:
    transcripts = Transcripts(FakeClock())
    transcripts.grow("item", "helo")
    assert transcripts.finish("item", "Hello.", 0.9) == Transcript(
        "item", Role.USER, "Hello.", final=True, confidence=0.9
    )


async def test_items_are_kept_apart() -> None:
    transcripts = Transcripts(FakeClock())
    first = transcripts.grow("a", "one")
    second = transcripts.grow("b", "two")
    assert [told and told.text for told in (first, second)] == ["one", "two"]


async def test_texts_that_never_end_are_given_up() -> None:
    transcripts = Transcripts(FakeClock())
    for number in range(1000):
        transcripts.grow(f"item{number}", "x")
    told = transcripts.grow("item0", "y")
    assert told is not None
    assert told.text == "y", "what was said a thousand items ago is forgotten"


def test_words_are_told_with_who_said_them_and_when() -> None:
    transcripts = Transcripts(FakeClock())
    transcripts.began("item", ADA, 1.5)
    partial = transcripts.grow("item", "He")
    assert partial is not None
    assert (partial.speaker, partial.start_offset_s, partial.end_offset_s) == (ADA, 1.5, None)
    transcripts.stopped("item", BEN, 2.25)
    final = transcripts.finish("item", "Hello.")
    assert (final.speaker, final.start_offset_s, final.end_offset_s) == (BEN, 1.5, 2.25)


def test_speaker_who_has_fallen_silent_is_still_the_one_who_began() -> None:
    transcripts = Transcripts(FakeClock())
    transcripts.began("item", ADA, 0)
    transcripts.stopped("item", None, 1)
    assert transcripts.finish("item", "Hello.").speaker == ADA
