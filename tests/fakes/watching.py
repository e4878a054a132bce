"""Time that passes when a test says so, for whoever looks whether a file has changed."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Protocol

from bridge.ports.clock import Clock


class SteppedClock:
    """Time that passes when the test says so: one `step` lets the sleeper run once around."""

    def __init__(self) -> None:
        self._asleep = asyncio.Event()
        self._wake = asyncio.Event()

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self._asleep.set()
        await self._wake.wait()
        self._wake.clear()

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        raise NotImplementedError(seconds)

    async def step(self) -> None:
        await self._asleep.wait()
        self._asleep.clear()
        self._wake.set()
        await self._asleep.wait()


class Watched(Protocol):
    """What looks after files."""

    def watch(self, clock: Clock) -> Coroutine[None, None, None]: ...


@asynccontextmanager
async def watching(watched: Watched) -> AsyncIterator[SteppedClock]:
    """Let it watch for as long as the context lasts."""
    clock = SteppedClock()
    task = asyncio.create_task(watched.watch(clock), name="watch")
    try:
        yield clock
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
