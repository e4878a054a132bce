"""Was something heard: the energy of a recording, not the word of those who sent it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bridge.pcm import ROOM_FRAME_SAMPLES, ROOM_RATE_HZ

# The noise that Opus makes of silence stays below -70; a whisper is above -50.
FLOOR_DBFS: Final = -50.0
# A click is shorter than this, a word longer.
_LEAST_MS: Final = 200.0
_FULL_SCALE: Final = 32_768.0
_FRAME_MS: Final = ROOM_FRAME_SAMPLES * 1000 / ROOM_RATE_HZ
_SILENT_DBFS: Final = -127.0


@dataclass(frozen=True, slots=True)
class Hearing:
    """How much of a recording is sound."""

    sounding_ms: float
    loudest_dbfs: float

    @property
    def is_sound(self) -> bool:
        return self.sounding_ms >= _LEAST_MS

    def __str__(self) -> str:
        if not self.is_sound:
            return f"did NOT hear the agent: nothing above {FLOOR_DBFS:.0f} dBFS"
        return (
            f"heard the agent for {self.sounding_ms / 1000:.1f} s, "
            f"up to {self.loudest_dbfs:.0f} dBFS"
        )


def hearing_of(samples: NDArray[np.int16]) -> Hearing:
    """Measure 48 kHz sound, frame by frame."""
    whole = len(samples) // ROOM_FRAME_SAMPLES * ROOM_FRAME_SAMPLES
    if not whole:
        return Hearing(0.0, _SILENT_DBFS)
    frames = samples[:whole].astype(np.float64).reshape(-1, ROOM_FRAME_SAMPLES) / _FULL_SCALE
    rms = np.sqrt(np.mean(np.square(frames), axis=1))
    levels = 20 * np.log10(np.maximum(rms, 10 ** (_SILENT_DBFS / 20)))
    return Hearing(float(np.sum(levels > FLOOR_DBFS)) * _FRAME_MS, float(levels.max()))
