"""When does a burst begin? Standard library only: bots of other environments use it, too."""

from typing import Final

# Above the pilot tone and what Opus makes of it, well below a burst.
LOUD: Final = 5_000
# Bursts are further apart, and no burst has such a gap in it.
_QUIET_S: Final = 0.1


class OnsetFinder:
    """Finds the first loud sample after a stretch without any, in a stream of int16 frames."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._quiet_s = 0.0

    def push(self, at_s: float, samples: memoryview) -> float | None:
        """Return when a burst began, for a frame that began to sound at `at_s`; None: none did."""
        length_s = len(samples) / self._rate_hz
        if max(samples) < LOUD:
            self._quiet_s += length_s
            return None
        first = next(index for index, sample in enumerate(samples) if sample >= LOUD)
        quiet_s = self._quiet_s + first / self._rate_hz
        self._quiet_s = 0.0
        return at_s + first / self._rate_hz if quiet_s >= _QUIET_S else None
