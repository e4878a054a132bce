"""How does a task learn of what another thread did, without waking the loop for nothing?"""

import asyncio
from collections.abc import Callable
from contextlib import suppress


class Bell:
    """Wakes one waiting task from any thread. While nobody waits, ringing costs nothing.

    Waking a loop is what an event of another thread costs most: a system call, and a switch.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Have the waiting task look again. From any thread."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_wake, waiter)

    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Wait, ring by ring, until `holds`. One task at a time; cancelling it changes nothing."""
        while not holds():
            waiter = self._waiter = self._loop.create_future()
            # It may have come true, and the bell rung, since we looked.
            if not holds():
                await waiter


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
