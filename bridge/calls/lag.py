"""How late the event loop is: what everything on it waits for before it even begins."""

from collections import deque
from typing import Final

from bridge.ports.clock import Clock

_PROBE_S: Final = 0.25
_WINDOW: Final = 40
"""Probes kept: ten seconds."""


class LoopLag:
    """Measures how much later than asked a timer fires."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._late_s: deque[float] = deque(maxlen=_WINDOW)

    async def run(self) -> None:
        """Measure, until cancelled."""
        while True:
            began_s = self._clock.monotonic_s()
            await self._clock.sleep(_PROBE_S)
            self._late_s.append(max(0.0, self._clock.monotonic_s() - began_s - _PROBE_S))

    def worst_s(self) -> float:
        """Return the worst of the last ten seconds."""
        return max(self._late_s, default=0.0)
