"""A clock that stands still until it is told to move."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

_START = datetime(2026, 1, 1, tzinfo=UTC)
_SETTLE_ROUNDS = 50
"""Loop iterations that every chain of wake-ups in a test is over within."""


class FakeClock:
    """Implements `bridge.ports.clock.Clock`; `advance` wakes sleepers in their order."""

    def __init__(self) -> None:
        self._now_s = 1000.0
        self.late_s = 0.0
        """How much later than asked sleeps are over, as where a loop is busy."""
        self.wall_is_off_s = 0.0
        """By how much somebody has set the machine's clock."""
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return _START + timedelta(seconds=self._now_s + self.wall_is_off_s)

    def monotonic_s(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self._wake_at(self._now_s + seconds + self.late_s)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return self._timeout(seconds)

    @asynccontextmanager
    async def _timeout(self, seconds: float) -> AsyncIterator[object]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as scope:
            alarm = self._wake_at(self._now_s + seconds)
            alarm.add_done_callback(
                lambda done: None if done.cancelled() else scope.reschedule(loop.time())
            )
            try:
                yield scope
            finally:
                alarm.cancel()

    @property
    def pending(self) -> int:
        """Return how many still wait for their time to come."""
        return sum(not alarm.done() for _, _, alarm in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move time forward, letting everything that wakes up run before time moves on."""
        target = self._now_s + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            at, _, alarm = heapq.heappop(self._sleepers)
            self._now_s = max(self._now_s, at)
            if not alarm.done():
                alarm.set_result(None)
                await settle()
        self._now_s = target
        await settle()

    def _wake_at(self, at: float) -> asyncio.Future[None]:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (at, next(self._order), alarm))
        return alarm


async def settle() -> None:
    """Let every task that can run do so until it waits for something."""
    for _ in range(_SETTLE_ROUNDS):
        await asyncio.sleep(0)
