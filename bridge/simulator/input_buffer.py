"""The input audio buffer: what was appended and not yet committed, addressed by position."""

from typing import Final

import numpy as np

from bridge.pcm import BYTES_PER_SAMPLE
from bridge.simulator.sound import Samples


class InputBuffer:
    """Samples since the last commit; past its limit the oldest are dropped."""

    def __init__(self, limit_samples: int) -> None:
        self._limit: Final = limit_samples
        # A bytearray drops its front without moving the rest, which an array cannot.
        self._bytes = bytearray()
        self.start = 0
        """Position in the session's stream of the oldest sample kept."""

    @property
    def end(self) -> int:
        """Position just past the newest sample: everything appended in this session."""
        return self.start + len(self)

    def __len__(self) -> int:
        return len(self._bytes) // BYTES_PER_SAMPLE

    def append(self, samples: Samples) -> None:
        """Add samples; past the limit the oldest are dropped."""
        self._bytes += samples.tobytes()
        self.keep_last(self._limit)

    def keep_last(self, samples: int) -> None:
        """Drop all but the newest `samples`."""
        self._drop(len(self) - samples)

    def clear(self) -> None:
        """Drop everything; positions go on from where they are."""
        self._drop(len(self))

    def take(self, start: int, end: int) -> Samples:
        """Return the samples from `start` to `end` and drop them and all before them."""
        first = max(0, start - self.start)
        last = max(first, end - self.start)
        taken = bytes(self._bytes[first * BYTES_PER_SAMPLE : last * BYTES_PER_SAMPLE])
        self._drop(last)
        return np.frombuffer(taken, dtype=np.int16)

    def _drop(self, samples: int) -> None:
        gone = min(max(0, samples), len(self))
        del self._bytes[: gone * BYTES_PER_SAMPLE]
        self.start += gone
