"""For how long has somebody spoken? A model tells the end of speech only after its silence.

No detector: the model has found speech already, so what is about as loud as the loudest of it is
taken to be speech, too.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from bridge.media.level import Level, rms_dbfs
from bridge.pcm import FRAME_MS, ROOM_RATE_HZ

_REMEMBERED_MS: Final = 6_000
# Between a loud vowel and a soft consonant of one voice.
_RANGE_DB: Final = 25.0
# The noise of a quiet room is no speech, however quiet what else there is.
_QUIETEST_DBFS: Final = -55.0


@dataclass(slots=True)
class _Frame:
    pcm: memoryview | None
    samples: int
    loudness_dbfs: float = 0.0


class SpeechMeter:
    """Measures frames only when it is asked, and looks back six seconds at most."""

    def __init__(self) -> None:
        self._frames: deque[_Frame] = deque(maxlen=_REMEMBERED_MS // FRAME_MS)

    def push(self, pcm: memoryview) -> None:
        """Take a frame of 48 kHz int16 sound, which nobody may change from now on."""
        self._frames.append(_Frame(pcm, len(pcm) // 2))

    def spoken_ms(self, within_ms: float) -> float:
        """Return for how long, in the newest `within_ms` of sound, somebody spoke."""
        left = within_ms * ROOM_RATE_HZ / 1000
        heard: list[tuple[float, int]] = []
        for frame in reversed(self._frames):
            if left < frame.samples / 2:  # less than half of it lies within
                break
            heard.append((_loudness_dbfs(frame), frame.samples))
            left -= frame.samples
        if not heard:
            return 0.0
        threshold_dbfs = max(max(heard)[0] - _RANGE_DB, _QUIETEST_DBFS)
        spoken = sum(samples for loudness, samples in heard if loudness >= threshold_dbfs)
        return spoken * 1000 / ROOM_RATE_HZ


def _loudness_dbfs(frame: _Frame) -> float:
    if frame.pcm is not None:
        samples = np.frombuffer(frame.pcm, np.int16).astype(np.float64)
        energy = float(np.dot(samples, samples))
        frame.loudness_dbfs, frame.pcm = rms_dbfs(Level(), Level(energy, frame.samples)), None
    return frame.loudness_dbfs
