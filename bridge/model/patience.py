"""How long is a lost connection tried again, and how soon?"""

from typing import Final

# The first at once, since most losses are over by then; later ones give the provider room.
_DELAYS_S: Final = (0.0, 0.25, 0.5, 1.0, 2.0)


class Patience:
    """Counts failures in a row: openings that failed, and sessions that were lost too soon.

    A session proves itself by lasting, or by giving a whole answer.
    """

    def __init__(self, failures: int, within_s: float) -> None:
        self._most_failures = failures
        self._within_s = within_s
        self._failures = 0
        self._began_s = 0.0

    def failed(self, now_s: float) -> None:
        """Note a loss or a failed opening."""
        if not self._failures:
            self._began_s = now_s
        self._failures += 1

    def proved(self) -> None:
        """Note that a session is worth something: the next failure is a first one."""
        self._failures = 0

    def delay_s(self, now_s: float) -> float | None:
        """Return how long to wait before the next try, or None when there shall be none."""
        delay_s = _DELAYS_S[min(self._failures, len(_DELAYS_S)) - 1]
        exhausted = self._failures > self._most_failures
        late = now_s + delay_s > self._began_s + self._within_s
        return None if exhausted or late else delay_s

    def left_s(self, now_s: float) -> float:
        """Return how long a try may take."""
        return max(0.0, self._began_s + self._within_s - now_s)
