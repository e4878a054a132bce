"""When was which moment of the user's sound sent? A server counts in milliseconds of it."""

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Final

_EVERY_MS: Final = 100.0
_REMEMBERED: Final = 600
"""A minute of sound: what a server tells is never older than a long turn."""


class SentTimes:
    """Maps positions in one connection's sound to the machine's monotonic clock.

    One offset is not enough: the sound stands still while no microphone is there.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._positions_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._times_s: deque[float] = deque(maxlen=_REMEMBERED)

    def note(self, sent_ms: float) -> None:
        """Note that so much has been sent in all, the last of it just now."""
        if not self._positions_ms or sent_ms - self._positions_ms[-1] >= _EVERY_MS:
            self._positions_ms.append(sent_ms)
            self._times_s.append(self._now_s())

    def at_s(self, position_ms: float) -> float | None:
        """Return when this moment was sent; None where nothing has been."""
        if not self._positions_ms:
            return None
        known = min(bisect_left(self._positions_ms, position_ms), len(self._positions_ms) - 1)
        ahead_s = (position_ms - self._positions_ms[known]) / 1000
        return min(self._times_s[known] + ahead_s, self._now_s())
