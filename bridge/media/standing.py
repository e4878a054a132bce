"""Has delay come to stand in the playout, that a stall has left?

While sound does not come, the listener hears silence; then all that is late comes at once, and is
played behind the silence. From a model that speaks in real time the next piece comes as fast as
one is played: the delay stays for as long as the response lasts. Of the same delay a model that
is faster than real time consists, whose sound must not be touched. What tells them apart:

- The output ran dry within the item. The silence that was heard is the most that was added.
- Since then the level stands: the lowest of one window is the lowest of the next. It would rise
  with a model that is ahead, and fall with one that pauses.
- It stands no higher than that silence explains. A model with a lead of its own stands higher.
"""

from math import inf
from typing import Final

# Twice this is what the judgement takes; and pieces that come less often are one to a window.
_WINDOW_S: Final = 0.25
# What a stall has held up comes at once, and is no part of the first window.
_BURST_S: Final = 0.05
# Two windows are alike within this, more than jitter between machines makes of it.
_ALIKE_MS: Final = 30.0
# Less is not worth a cut, and left as it is.
_TOLERATED_MS: Final = 40.0
# What remains after a cut: one frame in hand.
_KEPT_MS: Final = 20.0
# What an item begins with, the jitter of two networks.
_LEAD_MS: Final = 100.0


class StandingDelay:
    """Watches the level of one item at a time."""

    def __init__(self) -> None:
        self._silence_ms = 0.0
        self._begins_s = 0.0  # the present window
        self._lowest_ms = inf  # of it
        self._before_ms: float | None = None  # the lowest of the window before

    def begin(self) -> None:
        """Forget what was: another item begins."""
        self._silence_ms = 0.0

    def ran_dry(self, silence_ms: float, now_s: float) -> None:
        """Note silence that was heard within the item, when it ends."""
        self._silence_ms += silence_ms
        self._begins_s, self._lowest_ms, self._before_ms = now_s + _BURST_S, inf, None

    def excess_ms(self, level_ms: float, now_s: float) -> float:
        """Return what should be left out now.

        Asked whenever sound arrives, with the level before it is added: the lowest there is.
        """
        if not self._silence_ms or now_s < self._begins_s:
            return 0.0
        self._lowest_ms = min(self._lowest_ms, level_ms)
        if now_s < self._begins_s + _WINDOW_S:
            return 0.0
        before_ms, lowest_ms = self._before_ms, self._lowest_ms
        self._begins_s, self._before_ms, self._lowest_ms = now_s, lowest_ms, inf
        if before_ms is None or abs(lowest_ms - before_ms) > _ALIKE_MS:
            return 0.0
        silence_ms, self._silence_ms = self._silence_ms, 0.0  # this settles it, either way
        if not _TOLERATED_MS < lowest_ms <= silence_ms + _LEAD_MS:
            return 0.0
        return min(lowest_ms - _KEPT_MS, silence_ms)
