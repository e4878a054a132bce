"""Which of a call's time limits are running, and which passes first."""

import asyncio
from enum import Enum

from bridge.ports.call import EndReason
from bridge.ports.clock import Clock


class Limit(Enum):
    """A time limit; its value is the end it means."""

    JOIN = EndReason.JOIN_TIMEOUT
    DURATION = EndReason.MAX_DURATION
    GOODBYE = EndReason.PARTICIPANT_LEFT
    REJOIN = EndReason.PARTICIPANT_LOST
    MEDIA = EndReason.MEDIA_LOST


class Deadlines:
    """The running limits of one call. One waiter."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_s: dict[Limit, float] = {}
        self._passed_s: float | None = None
        self._changed = asyncio.Event()

    def start(self, limit: Limit, seconds: float) -> None:
        """Let the limit pass in `seconds`; starting it anew moves it."""
        self._due_s[limit] = self._clock.monotonic_s() + seconds
        self._changed.set()

    def stop(self, *limits: Limit) -> None:
        for limit in limits:
            self._due_s.pop(limit, None)
        self._changed.set()

    def is_running(self, limit: Limit) -> bool:
        return limit in self._due_s

    @property
    def last_due_s(self) -> float | None:
        """Return when the last running limit passes, or the last one passed; monotonic time."""
        return max(self._due_s.values(), default=self._passed_s)

    async def next_passed(self) -> Limit:
        """Wait until a limit passes, and return it. Cancelling loses nothing."""
        while True:
            self._changed.clear()
            if not self._due_s:
                await self._changed.wait()
                continue
            limit, due_s = min(self._due_s.items(), key=lambda entry: entry[1])
            remaining_s = due_s - self._clock.monotonic_s()
            if remaining_s <= 0:
                self._passed_s = self._due_s.pop(limit)
                return limit
            try:
                async with self._clock.timeout(remaining_s):
                    await self._changed.wait()
            except TimeoutError:
                continue
