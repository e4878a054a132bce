"""Which speech stops the agent: the rules, row by row."""

import pytest

from bridge.calls.speech.interruptions import Fate, Interruptions, Step
from bridge.ports.agent import InterruptionRules
from tests.fakes.clock import FakeClock


def following(
    min_speech_s: float = 0, resume_after_s: float = 0, clock: FakeClock | None = None
) -> Interruptions:
    rules = InterruptionRules(min_speech_s, resume_after_s)
    return Interruptions(rules, clock or FakeClock())


def due_s(one: Interruptions) -> float | None:
    return one.due_s


def test_without_rules_any_speech_stops_the_agent_and_is_answered() -> None:
    one = following()
    assert one.began("u1", agent_speaks=True) is Step.STOP
    assert one.ended("u1") is Fate.ANSWER


@pytest.mark.parametrize(("min_speech_s", "resume_after_s"), [(0.4, 0), (0, 2), (0.4, 2)])
def test_speech_into_silence_is_a_turn_whatever_the_rules(
    min_speech_s: float, resume_after_s: float
) -> None:
    one = following(min_speech_s, resume_after_s)
    assert one.began("u1", agent_speaks=False) is Step.STOP
    assert one.ended("u1") is Fate.ANSWER
    assert due_s(one) is None


def test_speech_that_lasts_stops_the_agent() -> None:
    one = following(min_speech_s=0.4)
    assert one.began("u1", agent_speaks=True) is Step.GO_ON
    assert one.look(0.38, agent_speaks=True) is Step.GO_ON
    assert one.look(0.4, agent_speaks=True) is Step.STOP
    assert one.ended("u1") is Fate.ANSWER


def test_speech_that_is_too_short_is_no_turn_and_its_words_change_nothing() -> None:
    one = following(min_speech_s=0.4)
    one.began("u1", agent_speaks=True)
    assert one.ended("u1") is Fate.DISMISS
    assert one.is_in_doubt("u1")
    assert one.words("u1", "Uh-huh", final=True) is Step.GO_ON


def test_short_speech_behind_which_the_agent_falls_silent_is_a_turn() -> None:
    one = following(min_speech_s=0.4)
    one.began("u1", agent_speaks=True)
    assert one.look(0.2, agent_speaks=False) is Step.GO_ON
    assert one.ended("u1") is Fate.ANSWER


def test_running_speech_is_measured_frame_by_frame() -> None:
    clock = FakeClock()
    one = following(min_speech_s=0.4, clock=clock)
    assert due_s(one) is None
    one.began("u1", agent_speaks=True)
    assert due_s(one) == pytest.approx(clock.monotonic_s() + 0.02)


async def test_agent_goes_on_when_no_words_have_come_in_time() -> None:
    clock = FakeClock()
    one = following(resume_after_s=2, clock=clock)
    assert one.began("u1", agent_speaks=True) is Step.PAUSE
    assert due_s(one) is None, "somebody speaks"
    await clock.advance(5)
    assert one.look(5, agent_speaks=True) is Step.GO_ON
    assert one.ended("u1") is Fate.DOUBT
    assert due_s(one) == clock.monotonic_s() + 2
    await clock.advance(1.9)
    assert one.look(5, agent_speaks=True) is Step.GO_ON
    await clock.advance(0.1)
    assert one.look(5, agent_speaks=True) is Step.RESUME
    assert due_s(one) is None
    assert not one.is_paused


def test_words_make_a_pause_an_interruption() -> None:
    one = following(resume_after_s=2)
    one.began("u1", agent_speaks=True)
    one.ended("u1")
    assert one.words("u1", "", final=False) is Step.GO_ON
    assert one.words("u1", "Wait", final=False) is Step.STOP
    assert one.words("u1", "Wait!", final=True) is Step.GO_ON, "once"


def test_agent_goes_on_as_soon_as_it_is_known_that_there_were_no_words() -> None:
    one = following(resume_after_s=2)
    one.began("u1", agent_speaks=True)
    one.ended("u1")
    assert one.is_in_doubt("u1")
    assert one.words("u1", " ", final=True) is Step.RESUME


async def test_words_that_come_late_interrupt_nevertheless() -> None:
    clock = FakeClock()
    one = following(resume_after_s=2, clock=clock)
    one.began("u1", agent_speaks=True)
    one.ended("u1")
    await clock.advance(2)
    assert one.look(0, agent_speaks=True) is Step.RESUME
    assert one.is_in_doubt("u1")
    assert one.words("u1", "Wait", final=True) is Step.STOP


async def test_second_sound_in_a_pause_prolongs_it() -> None:
    clock = FakeClock()
    one = following(resume_after_s=2, clock=clock)
    one.began("u1", agent_speaks=True)
    one.ended("u1")
    await clock.advance(1)
    assert one.began("u2", agent_speaks=True) is Step.GO_ON
    await clock.advance(5)
    assert one.look(0, agent_speaks=True) is Step.GO_ON
    assert one.ended("u2") is Fate.DOUBT
    assert one.words("u1", "", final=True) is Step.GO_ON, "the other one may hold words"
    assert one.words("u2", "", final=True) is Step.RESUME


def test_with_both_rules_the_agent_pauses_once_speech_has_lasted() -> None:
    one = following(min_speech_s=0.4, resume_after_s=2)
    assert one.began("u1", agent_speaks=True) is Step.GO_ON
    assert one.look(0.5, agent_speaks=True) is Step.PAUSE
    assert one.ended("u1") is Fate.DOUBT


def test_agent_that_was_stopped_otherwise_is_in_no_pause() -> None:
    one = following(resume_after_s=2)
    one.began("u1", agent_speaks=True)
    one.forget()
    assert not one.is_paused
    assert one.ended("u1") is Fate.ANSWER
