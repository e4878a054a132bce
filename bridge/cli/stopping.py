"""When is a server to stop, and how patiently?"""

import asyncio
import signal
from collections.abc import Callable

from bridge.cli.carriers import Carried


class Signals:
    """SIGTERM asks for a drain, SIGINT or a second SIGTERM for an end; others as `on` says."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._on_term)
        loop.add_signal_handler(signal.SIGINT, self._on_int)

    @property
    def gently(self) -> bool:
        return not self.hurry.is_set()

    def on(self, number: signal.Signals, act: Callable[[], object]) -> None:
        """Do something else at another signal."""
        asyncio.get_running_loop().add_signal_handler(number, act)

    def _on_term(self) -> None:
        if self.asked.is_set():
            self.hurry.set()
        self.asked.set()

    def _on_int(self) -> None:
        self.hurry.set()
        self.asked.set()


async def drain(host: Carried, timeout_s: float, stopping: Signals) -> None:
    """Drain, unless somebody loses patience."""
    drain = asyncio.create_task(host.drain(timeout_s), name="drain")
    hurry = asyncio.create_task(stopping.hurry.wait(), name="hurry")
    await asyncio.wait((drain, hurry), return_when=asyncio.FIRST_COMPLETED)
    for task in (drain, hurry):
        task.cancel()
    await asyncio.gather(drain, hurry, return_exceptions=True)
