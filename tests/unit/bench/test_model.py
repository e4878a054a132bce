"""What the model of the turns says."""

import numpy as np

from bench import sound
from bench.model import Repeater
from bridge.simulator.behaviours import Speech, Turn


def test_an_answer_begins_with_its_first_sound() -> None:
    asked = np.concatenate((sound.silence(0.02), sound.question(3, 0.5), sound.silence(0.2)))
    (answer,) = Repeater().answer(Turn(number=1, heard=asked))
    assert isinstance(answer, Speech)
    assert asked.size - answer.audio.size - 960 < 48  # less than a millisecond of the tone


def test_who_was_not_asked_says_nothing() -> None:
    assert Repeater().answer(Turn(number=1)) == ()
    assert Repeater().answer(Turn(number=1, heard=sound.silence(1))) == ()
