"""What time is it: the one source of time for everything that waits or measures."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for durations and deadlines."""

    def now(self) -> datetime:
        """Return the wall time, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary start; never runs backwards."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Return a scope that raises TimeoutError when `seconds` have passed inside it."""
        ...
