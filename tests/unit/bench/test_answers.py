"""An answer is found after its question, and known by its tone, its holes and its length."""

import numpy as np
import pytest

from bench import sound
from bench.answers import QUESTION_S, answer_to
from bench.sound import Samples

ASKED_S = 50.0
AFTER_S = 0.25
FRAME = 960


def ear(spoken: Samples, begins_s: float = ASKED_S + AFTER_S) -> list[tuple[float, Samples]]:
    """Return what is heard from two seconds before the question's end on, as frames of 20 ms."""
    first_s = ASKED_S - 2
    heard = sound.silence(8.0)
    at = round((begins_s - first_s) * 48_000)
    heard[at : at + spoken.size] = spoken
    return [(first_s + at / 48_000, heard[at : at + FRAME]) for at in range(0, heard.size, FRAME)]


def test_an_answer_is_timed_from_the_end_of_its_question() -> None:
    answer = answer_to(ear(sound.question(7, QUESTION_S)), ASKED_S, 7)
    assert answer is not None
    assert answer.after_ms == pytest.approx(250, abs=1)
    assert (answer.holes, answer.is_torn, answer.is_strange) == (0, False, False)


@pytest.mark.parametrize("caller", range(0, 32, 5))
def test_whose_answer_it_is_stands_in_its_tone(caller: int) -> None:
    for number in (caller, caller + 1):
        answer = answer_to(ear(sound.question(number, QUESTION_S)), ASKED_S, caller)
        assert answer is not None
        assert answer.is_strange is (number != caller)


def test_a_hole_tears_an_answer() -> None:
    spoken = sound.question(1, QUESTION_S)
    spoken[24_000 : 24_000 + 1920] = 0
    answer = answer_to(ear(spoken), ASKED_S, 1)
    assert answer is not None
    assert (answer.holes, answer.is_torn, answer.is_strange) == (1, True, False)
    assert answer.missing_ms == pytest.approx(40, abs=20)


@pytest.mark.parametrize(("missing_s", "torn"), [(0.02, False), (0.2, True)])
def test_an_answer_that_breaks_off_is_torn(missing_s: float, torn: bool) -> None:
    answer = answer_to(ear(sound.question(1, QUESTION_S - missing_s)), ASKED_S, 1)
    assert answer is not None
    assert (answer.is_torn, answer.holes) == (torn, 0)


def test_silence_and_what_comes_too_late_are_no_answers() -> None:
    nothing = np.zeros(0, np.int16)
    assert answer_to(ear(nothing), ASKED_S, 0) is None
    assert answer_to([], ASKED_S, 0) is None
    assert answer_to(ear(sound.question(0, QUESTION_S), ASKED_S + 3.0), ASKED_S, 0) is None
    assert answer_to(ear(sound.question(0, QUESTION_S), ASKED_S - 2.0), ASKED_S, 0) is None
