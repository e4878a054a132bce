"""What is still to be left out of an item, and where? In a pause, if one comes soon enough."""

from typing import Final

from bridge.media.waiting import Waiting
from bridge.pcm import MODEL_RATE_HZ, byte_count

# Then it goes wherever the item is: what a stall has left must be gone after a second.
_PATIENCE_S: Final = 0.25


class Surplus:
    """Sound of the item that is waiting, by its length."""

    def __init__(self) -> None:
        self._bytes = 0
        self._at_the_latest_s = 0.0

    def __bool__(self) -> bool:
        return self._bytes > 0

    def add(self, ms: float, now_s: float) -> None:
        if ms > 0:
            self._bytes += byte_count(ms, MODEL_RATE_HZ)
            self._at_the_latest_s = now_s + _PATIENCE_S

    def forget(self) -> None:
        self._bytes = 0

    def leave_out(self, waiting: Waiting, now_s: float) -> int:
        """Leave out what can be by now; return the bytes."""
        in_time = now_s < self._at_the_latest_s
        left_out = waiting.leave_out(waiting.pause(self._bytes) if in_time else self._bytes)
        self._bytes -= left_out
        return left_out
