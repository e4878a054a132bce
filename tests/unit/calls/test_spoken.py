"""The agent's words are told as they are heard, and no further."""

import pytest

from bridge.calls.speech.spoken import SpokenWords
from bridge.media.ledger import ItemPlayed
from bridge.ports.event import Interruption, Role, Transcript
from bridge.ports.model_event import (
    AgentTextDelta,
    AgentTextDone,
    AudioDone,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
)
from bridge.ports.usage import TokenCounts
from tests.fakes.clock import FakeClock
from tests.unit.calls.rig import World
from tests.unit.calls.talk import Talk, talking

TEN = "one two three four five six seven eight nine ten"
SECOND_MS = 1000.0


def played(ms: float, received_ms: float, item: str = "i") -> tuple[ItemPlayed, ...]:
    return (ItemPlayed(item, 0, received_ms, ms),)


def spoken(text: str = TEN, sound_ms: float = 4000, *, sound_ended: bool = True) -> SpokenWords:
    words = SpokenWords(FakeClock())
    words.grow("i", 0, text)
    words.sound_arrived("i", sound_ms)
    if sound_ended:
        words.sound_ended("i")
    return words


@pytest.mark.parametrize(
    ("played_ms", "heard"),
    [(0, None), (200, None), (300, "one"), (2000, "one two three four five"), (3990, TEN[:-4])],
)
def test_a_share_of_the_sound_is_that_share_of_the_words(
    played_ms: float, heard: str | None
) -> None:
    told = spoken().release(played(played_ms, 4000))
    assert [words.text for words in told] == ([heard] if heard else [])
    assert not any(words.final for words in told)


def test_all_words_are_final_once_all_is_heard() -> None:
    words = spoken()
    assert words.release(()) == [Transcript("i", Role.AGENT, TEN, final=False)]
    words.finish("i", 0, TEN + ".")
    assert words.release(()) == [Transcript("i", Role.AGENT, TEN + ".", final=True)]
    assert words.release(()) == []


async def test_partial_words_are_told_a_few_times_a_second() -> None:
    clock = FakeClock()
    words = SpokenWords(clock)
    words.grow("i", 0, TEN)
    words.sound_arrived("i", 4000)
    words.sound_ended("i")
    assert words.release(played(1000, 4000))
    assert not words.release(played(2000, 4000))
    await clock.advance(0.25)
    assert words.release(played(3000, 4000))


def test_words_ahead_of_their_sound_wait_for_it() -> None:
    words = spoken(sound_ms=400, sound_ended=False)
    (told,) = words.release(played(400, 400))
    assert told.text == "one two", "400 ms of speech are ten characters at most"
    words.finish("i", 0, TEN)
    assert not words.release(())


def test_what_was_told_is_never_taken_back() -> None:
    words = spoken(sound_ms=1000)
    (told,) = words.release(played(900, 1000))
    words.sound_arrived("i", 9000)
    (cut,) = words.cut(played(950, 10_000))
    assert (cut.text, cut.final) == (told.text, True)


def test_an_interruption_ends_the_text_with_the_last_whole_word_heard() -> None:
    words = spoken()
    assert words.cut(played(2000, 4000)) == [
        Transcript("i", Role.AGENT, "one two three four five", final=True)
    ]
    words.grow("i", 0, " eleven")
    words.finish("i", 0, TEN)
    words.sound_arrived("i", 100)
    assert words.release(()) == []


def test_what_nobody_heard_is_never_told() -> None:
    words = spoken()
    words.grow("next", 0, "And another thing.")
    assert words.cut(played(0, 4000)) == []
    words.finish("next", 0, "And another thing.")
    assert words.release(()) == []


def test_an_item_that_was_wholly_heard_waits_for_its_words_unless_the_end_has_come() -> None:
    words = spoken()
    assert words.cut(()) == []
    assert words.cut((), for_good=True) == [Transcript("i", Role.AGENT, TEN, final=True)]


def test_a_text_without_sound_is_told_at_once() -> None:
    words = SpokenWords(FakeClock())
    words.grow("i", 0, "Hel")
    assert words.release(()) == []
    words.finish("i", 0, "Hello.")
    assert words.release(()) == [Transcript("i", Role.AGENT, "Hello.", final=True)]
    words.finish("i", 1, " Bye.")
    assert words.release(()) == [Transcript("i", Role.AGENT, "Hello. Bye.", final=True)]


def test_languages_without_spaces_are_released_too() -> None:
    words = spoken("お待ちください。すぐに参ります。", sound_ms=1600)
    (told,) = words.release(played(800, 1600))
    assert told.text == "お待ちください。"


async def test_the_words_of_a_call_follow_its_voice(world: World) -> None:
    async with talking(world) as talk:
        await _answer(talk, TEN, 4000)
        await world.clock.advance(2)
        heard = _told(talk)[-1]
        assert not heard.final
        assert heard.text in ("one two three four", "one two three four five")
        await world.clock.advance(3)
        assert _told(talk)[-1].text == TEN
        assert _told(talk)[-1].final
        texts = [words.text for words in _told(talk)]
        assert texts == sorted(texts, key=len)
        assert talk.turns[0].agent_text == TEN


async def test_the_turn_of_an_interrupted_answer_keeps_what_was_heard(world: World) -> None:
    async with talking(world) as talk:
        await _answer(talk, TEN, 4000)
        await world.clock.advance(2)
        await talk.caller_begins()
        await world.clock.advance(3)
        said = _told(talk)[-1]
        assert said.final
        assert said.text in ("one two three four", "one two three four five")
        assert [words for words in _told(talk) if words.final] == [said]
        assert talk.turns[0].agent_text == said.text
        (interruption,) = (kind for kind in talk.kinds if isinstance(kind, Interruption))
        assert interruption.heard_text == said.text


async def test_the_words_of_the_agent_have_the_times_of_its_voice(world: World) -> None:
    async with talking(world) as talk:
        await world.clock.advance(1)
        await _answer(talk, TEN, 4000)
        await world.clock.advance(2)
        partial = _told(talk)[-1]
        assert (partial.start_offset_s, partial.end_offset_s) == (1, None)
        await world.clock.advance(3)
        final = _told(talk)[-1]
        assert final.start_offset_s == 1
        assert final.end_offset_s == pytest.approx(5, abs=0.01)
        assert final.speaker == "bot-1"
        assert not final.interrupted


async def test_words_that_were_interrupted_end_when_the_voice_was_stopped(world: World) -> None:
    async with talking(world) as talk:
        await _answer(talk, TEN, 4000)
        await world.clock.advance(2)
        await talk.caller_begins()
        final = _told(talk)[-1]
        assert final.end_offset_s == pytest.approx(2, abs=0.001)
        assert final.interrupted


async def test_an_item_behind_another_one_begins_when_that_one_was_heard(world: World) -> None:
    async with talking(world) as talk:
        await _answer(talk, "one two", 1000)
        talk.session.push(ResponseStarted("r2", None))
        await talk.go_on(1000, "r2", "i2")
        talk.session.push(AgentTextDone("i2", 0, "three four"), AudioDone("r2", "i2", 0))
        await world.clock.advance(3)
        first, second = (words for words in _told(talk) if words.final)
        assert first.end_offset_s == pytest.approx(1, abs=0.01)
        assert second.start_offset_s == pytest.approx(1, abs=0.01)
        assert second.end_offset_s == pytest.approx(2, abs=0.02)


async def test_a_call_that_ends_keeps_what_was_heard_of_the_last_answer(world: World) -> None:
    async with talking(world) as talk:
        await _answer(talk, TEN, 4000)
        await world.clock.advance(2)
        talk.conversation.voice.break_off()
        assert talk.turns[0].agent_text in ("one two three four", "one two three four five")


async def test_an_answer_without_its_last_words_is_final_when_it_is_over(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(400)
        talk.session.push(AgentTextDelta("i1", 0, "Well, I"), AudioDone("r1", "i1", 0))
        talk.session.push(ResponseDone("r1", ResponseStatus.FAILED, TokenCounts()))
        await world.clock.advance(1)
        assert _told(talk)[-1].text == "Well, I"
        assert _told(talk)[-1].final


async def _answer(talk: Talk, text: str, audio_ms: float) -> None:
    """Let the model give a whole answer at once."""
    await talk.begin_answer(audio_ms)
    talk.session.push(
        AgentTextDelta("i1", 0, text),
        AudioDone("r1", "i1", 0),
        AgentTextDone("i1", 0, text),
        ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts()),
    )


def _told(talk: Talk) -> list[Transcript]:
    return [kind for kind in talk.kinds if isinstance(kind, Transcript)]
