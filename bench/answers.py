"""What was heard in answer to a question: when it began, whose it was, what is missing of it?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench import sound
from bench.sound import Samples
from bridge.pcm import ROOM_RATE_HZ, TICK_MS

QUESTION_S: Final = 1.5
# A tenth of what is said, above all that codecs make of silence.
_AUDIBLE: Final = 1_500
# What is later is no answer to this question any more.
_LATEST_S: Final = 2.4
_TICK: Final = ROOM_RATE_HZ * TICK_MS // 1000
# How much a voice detection may take off at both ends, its windows being of 20 ms.
_EDGES_MS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was heard: the question, said again."""

    after_ms: float
    """From the end of the question to the first sound."""
    holes: int
    """Stretches of silence within it."""
    missing_ms: float
    """Of the question's sound."""
    is_strange: bool
    """It answers somebody else."""

    @property
    def is_torn(self) -> bool:
        return self.holes > 0 or self.missing_ms > _EDGES_MS


def answer_to(ear: Sequence[tuple[float, Samples]], asked_s: float, caller: int) -> Answer | None:
    """Return the answer to a question that ended at that time; None: there was none."""
    began_s, heard = None, list[Samples]()
    for at_s, samples in ear:
        if at_s < asked_s:
            continue
        if began_s is None:
            if at_s > asked_s + _LATEST_S:
                return None
            loud = np.flatnonzero(np.abs(samples) > _AUDIBLE)
            if loud.size:
                began_s = at_s + float(loud[0]) / ROOM_RATE_HZ
                heard.append(samples[loud[0] :])
        elif at_s < began_s + QUESTION_S + _LATEST_S:
            heard.append(samples)
    if began_s is None:
        return None
    spoken = np.concatenate(heard)
    ticks = spoken[: spoken.size // _TICK * _TICK].reshape(-1, _TICK)
    audible = np.abs(ticks).max(axis=1, initial=0) > _AUDIBLE
    last = int(np.flatnonzero(audible)[-1]) + 1 if audible.any() else 0
    audible = audible[:last]
    holes = int(np.count_nonzero(audible[:-1] & ~audible[1:]))
    missing_ms = QUESTION_S * 1000 - TICK_MS * float(np.count_nonzero(audible))
    owner = sound.questioner(spoken[: last * _TICK])
    return Answer(1000 * (began_s - asked_s), holes, max(0.0, missing_ms), owner != caller)
