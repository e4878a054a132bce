"""What did a caller hear, and when was it silent? By the one tone that it should hear all along."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from tests.tones import amplitude_at

HZ: Final = 440.0
"""What the caller plays, and a model that repeats everything gives back."""

# Of a tone played with amplitude 8000, after two Opus codecs and two resamplers.
_AUDIBLE: Final = 2000.0
_FRAME_S: Final = 0.02


@dataclass(slots=True)
class Ear:
    """Notes each frame in which the tone was heard."""

    heard_at_s: list[float] = field(default_factory=list)
    frames: int = 0

    def hear(self, at_s: float, frame: memoryview) -> None:
        self.frames += 1
        if amplitude_at(frame, HZ) > _AUDIBLE:
            self.heard_at_s.append(at_s)

    def heard_s(self, since_s: float) -> float:
        """Return how much of the tone was heard since a moment."""
        return _FRAME_S * sum(at_s >= since_s for at_s in self.heard_at_s)

    def longest_silence_s(self, since_s: float, until_s: float) -> float:
        """Return the longest time without the tone between two moments."""
        within = [at_s for at_s in self.heard_at_s if since_s <= at_s <= until_s]
        ends = [since_s, *within, until_s]
        return max(later - earlier for earlier, later in pairwise(ends))
