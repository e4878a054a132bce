"""Has delay come to stand in the playout, that a stall has left?

While sound does not come, the listener hears silence; then all that is late comes at once, and is
played behind the silence. From a model that speaks in real time the next piece comes as fast as
one is played: the delay stays for as long as the response lasts. Of the same delay a model that
is faster than real time consists, whose sound must not be touched. What tells them apart:

- The level stands: the lowest of one window is the lowest of the next. It would rise with a
  model that is ahead, and fall with one that pauses.
- It stands no higher than the silence explains that was heard within the item, and a little
  more. A model with a lead of its own stands higher.

That little more is all there is to explain what a stall has left before the item's first sound was
played, where nobody hears silence: an item is judged once as it begins. After silence it is judged
again and again, since what is late may come in more than one piece, until as much is left out as
was heard of silence, or for a few seconds.
"""

from math import inf
from typing import Final

# For so long what is late may come in pieces, on a busy machine; a later lead is the model's own.
_REMEMBERED_S: Final = 3.0
# Twice this is what the judgement takes; and pieces that come less often are one to a window.
_WINDOW_S: Final = 0.25
# What a stall has held up comes at once, and is no part of the first window.
_BURST_S: Final = 0.05
# Nor is how an item begins: most models that are ahead hurry there.
_BEGINNING_S: Final = 0.5
# What is to be left out may be waited for, and then comes as slowly as it is spoken.
_CUT_S: Final = 0.5
# Two windows are alike within this, more than jitter between machines makes of it.
_ALIKE_MS: Final = 30.0
# Less is not worth a cut, and left as it is.
_TOLERATED_MS: Final = 30.0
# What remains after a cut: one frame in hand.
_KEPT_MS: Final = 20.0
# The jitter of two networks, and what a stall may have left where no silence was heard.
_LEAD_MS: Final = 100.0


class StandingDelay:
    """Watches the level of one item at a time."""

    def __init__(self) -> None:
        self._silence_ms = 0.0  # heard, and not made up for by what was left out
        self._until_s = 0.0  # so long that silence is remembered
        self._watching = False
        self._begins_s = 0.0  # the present window
        self._lowest_ms = inf  # of it
        self._before_ms: float | None = None  # the lowest of the window before

    def begin(self, now_s: float) -> None:
        """Forget what was: another item begins."""
        self._silence_ms, self._until_s = 0.0, now_s + _REMEMBERED_S
        self._watch_from(now_s + _BEGINNING_S)

    def ran_dry(self, silence_ms: float, now_s: float) -> None:
        """Note silence that was heard within the item, when it ends."""
        self._silence_ms += silence_ms
        self._until_s = now_s + _REMEMBERED_S
        self._watch_from(now_s + _BURST_S)

    def excess_ms(self, level_ms: float, now_s: float) -> float:
        """Return what should be left out now.

        Asked whenever sound arrives, with the level before it is added: the lowest there is.
        """
        if not self._watching or now_s < self._begins_s:
            return 0.0
        self._lowest_ms = min(self._lowest_ms, level_ms)
        if now_s < self._begins_s + _WINDOW_S:
            return 0.0
        before_ms, lowest_ms = self._before_ms, self._lowest_ms
        self._begins_s, self._before_ms, self._lowest_ms = now_s, lowest_ms, inf
        if now_s > self._until_s:
            self._forget()
            return 0.0
        if before_ms is None or abs(lowest_ms - before_ms) > _ALIKE_MS:
            return 0.0
        return self._judged(min(lowest_ms, before_ms), now_s)

    def _judged(self, stands_ms: float, now_s: float) -> float:
        excess_ms = 0.0
        if _TOLERATED_MS < stands_ms <= self._silence_ms + _LEAD_MS:
            excess_ms = stands_ms - _KEPT_MS
            self._watch_from(now_s + _CUT_S)
        self._silence_ms -= excess_ms
        if self._silence_ms <= 0:
            self._forget()
        return excess_ms

    def _watch_from(self, begins_s: float) -> None:
        self._watching, self._begins_s = True, begins_s
        self._lowest_ms, self._before_ms = inf, None

    def _forget(self) -> None:
        self._watching, self._silence_ms = False, 0.0
