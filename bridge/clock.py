"""The machine's own clock."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime


class SystemClock:
    """Implements `bridge.ports.clock.Clock` with the machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)
