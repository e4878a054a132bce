"""Which call's events are sent next? Those that are ready, then those whose pause is over."""

import asyncio
import heapq
import random
from collections import deque
from typing import Final

from bridge.ids import ConnectionId
from bridge.ports.clock import Clock

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 300.0


class Queue:
    """The calls of one endpoint that wait. It holds a call as often as it was given it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: deque[ConnectionId] = deque()
        self._later: list[tuple[float, ConnectionId]] = []
        self._woken = asyncio.Event()
        self._opens_at_s = 0.0

    def add(self, connection_id: ConnectionId) -> None:
        """Let a call be served in its turn."""
        self._ready.append(connection_id)
        self._woken.set()

    def add_later(self, connection_id: ConnectionId, attempts: int) -> None:
        """Let a call be served again once it has paused, the longer the more was attempted."""
        at_s = self._clock.monotonic_s() + _pause_s(max(0, attempts - 1))
        heapq.heappush(self._later, (at_s, connection_id))
        self._woken.set()

    def close(self, failures: int) -> None:
        """Let nobody be served for a while, the longer the more has failed."""
        self._opens_at_s = self._clock.monotonic_s() + _pause_s(failures)

    async def next(self) -> ConnectionId:
        """Wait for a call whose turn it is, and until calls are served at all."""
        while True:
            now_s = self._clock.monotonic_s()
            if (closed_s := self._opens_at_s - now_s) > 0:
                await self._clock.sleep(closed_s)
                continue
            while self._later and self._later[0][0] <= now_s:
                self._ready.append(heapq.heappop(self._later)[1])
            if self._ready:
                return self._ready.popleft()
            self._woken.clear()
            await self._until_woken(self._later[0][0] - now_s if self._later else None)

    async def _until_woken(self, within_s: float | None) -> None:
        if within_s is None:
            await self._woken.wait()
            return
        try:
            async with self._clock.timeout(within_s):
                await self._woken.wait()
        except TimeoutError:
            pass


def _pause_s(failures: int) -> float:
    """Return how long to wait after so many; not all at the same moment."""
    pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, 16))
    return pause_s * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
