"""Does a caller who only listens know whose turn it is?"""

import numpy as np

from bridge.cli.listening import Listening
from bridge.pcm import FRAME_MS, ROOM_FRAME_BYTES
from tests.tones import tone

SILENCE = memoryview(bytes(ROOM_FRAME_BYTES))
VOICE = memoryview(tone(440, FRAME_MS))


def hear(turns: Listening, *, agent: bool = False, caller: bool = False, ms: int = 1000) -> None:
    for _ in range(ms // FRAME_MS):
        turns.hear_caller(0.0, VOICE if caller else SILENCE)
        turns.hear_agent(0.0, VOICE if agent else SILENCE)


def test_the_agent_speaks_while_it_is_heard() -> None:
    turns = Listening()
    spoke = []
    for agent in (False, True, False):
        hear(turns, agent=agent)
        spoke.append(turns.agent_speaks)
    assert spoke == [False, True, False]


def test_a_pause_between_words_is_no_end() -> None:
    turns = Listening()
    hear(turns, agent=True)
    hear(turns, ms=400)
    assert turns.agent_speaks
    assert not turns.is_answered


def test_the_noise_of_a_codec_is_no_voice() -> None:
    turns = Listening()
    noise = np.random.default_rng(1).integers(-8, 8, ROOM_FRAME_BYTES // 2, np.int16)
    turns.hear_agent(0.0, memoryview(noise.tobytes()))
    assert not turns.agent_speaks


def test_an_answer_that_was_heard_out_is_an_answer() -> None:
    turns = Listening()
    answered = []
    for agent, caller in ((False, True), (True, False), (False, False)):
        hear(turns, agent=agent, caller=caller)
        answered.append(turns.is_answered)
    assert answered == [False, False, True]


def test_what_was_said_before_the_caller_spoke_is_no_answer() -> None:
    turns = Listening()
    hear(turns, agent=True)
    hear(turns, caller=True)
    hear(turns)
    assert not turns.is_answered


async def test_hanging_up_ends_every_wait() -> None:
    turns = Listening()
    turns.hang_up()
    assert not await turns.until(lambda: turns.agent_speaks, 60)
