"""How a call tells the world: numbered events into the log, its view into the directory."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from bridge.errors import BridgeError
from bridge.ids import ConnectionId
from bridge.ports.call import CallView
from bridge.ports.clock import Clock
from bridge.ports.event import CallEvent, EventKind
from bridge.ports.host import Epoch
from bridge.ports.placement import Directory
from bridge.ports.store import EventLog

# A call writes a few events a second: this is minutes of a log that does not take them.
_MAX_WAITING: Final = 4096


class JournalOverflow(BridgeError):
    """The event log takes nothing any more; going on would leave a gap."""


class Journal:
    """Numbers one call's events and hands them on in order, without ever making the call wait."""

    def __init__(
        self,
        connection_id: ConnectionId,
        epoch: Epoch,
        clock: Clock,
        log: EventLog,
        directory: Directory,
    ) -> None:
        self._connection_id = connection_id
        self._epoch = epoch
        self._clock = clock
        self._log = log
        self._directory = directory
        self._started_s = clock.monotonic_s()
        self._waiting: deque[CallEvent] = deque()
        self._last_sequence = 0
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def last_sequence(self) -> int:
        return self._last_sequence

    @property
    def elapsed_s(self) -> float:
        """Return the call's age by the monotonic clock."""
        return self._clock.monotonic_s() - self._started_s

    def write(self, kind: EventKind) -> None:
        """
        :raises JournalOverflow: too many events wait to be taken.
        """
        if len(self._waiting) >= _MAX_WAITING:
            raise JournalOverflow("the event log does not take events")
        self._last_sequence += 1
        self._waiting.append(
            CallEvent(
                self._connection_id,
                self._last_sequence,
                self._clock.now(),
                self.elapsed_s,
                kind,
            )
        )
        self._news.set()
        self._idle.clear()

    async def run(self, view: Callable[[], CallView]) -> None:
        """Hand on what is written, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            # The directory first: who has seen an event must not be told an older state.
            await self._directory.update(view(), self._epoch)
            while self._waiting:
                await self._log.append(self._waiting[0])
                self._waiting.popleft()
            if not self._news.is_set():
                self._idle.set()

    async def flushed(self) -> None:
        """Wait until everything written so far has been handed on."""
        await self._idle.wait()
