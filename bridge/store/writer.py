"""Who writes what waits? One task, batch by batch, for as long as it takes; nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.store.pending import Batch, Pending
from bridge.tracebacks import frames_of

if TYPE_CHECKING:
    from datetime import datetime

_log = get_logger(__name__)

# What comes within it goes in one transaction. A server that is killed has told its watchers no
# more than this, and one batch, that is not stored.
GATHER_S: Final = 0.05
# A database that says nothing at all; the drivers' own deadlines are shorter.
_WRITE_S: Final = 20.0
_FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
# How often it is looked whether all is written.
_LOOK_S: Final = 0.02


class NotTaken(Exception):
    """The store does not take what it is given; it may, later. Named for the database's error."""


class Unwritable(Exception):
    """The store will never take this. Named for the database's error."""


class Sink(Protocol):
    """Where batches go."""

    async def write(self, batch: Batch) -> None:
        """Write all of a batch, or nothing. One that was written before changes nothing.

        :raises NotTaken: later, perhaps.
        :raises Unwritable: never.
        """
        ...


class Writer:
    """Writes what is pending, and tries again what the store does not take."""

    def __init__(self, sink: Sink, pending: Pending, clock: Clock) -> None:
        self._sink = sink
        self._pending = pending
        self._clock = clock
        self._turn = asyncio.Lock()
        self._failures = 0
        self.stuck_since: datetime | None = None
        """Since when the store does not take what it is given; None: it does."""

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._pending.news.wait()
            async with self._turn:
                if (batch := self._taken()) is not None:
                    await self._write(batch)
            if not self._pending.news.is_set():
                await self._clock.sleep(GATHER_S)

    @asynccontextmanager
    async def between_batches(self, within_s: float) -> AsyncIterator[None]:
        """Hold the writer still: what it has taken is written, and it takes nothing meanwhile.

        :raises TimeoutError: the store does not take what it was given last, or what is done
            meanwhile takes too long: nobody may hold the writer for ever.
        """
        async with self._clock.timeout(within_s), self._turn:
            yield

    async def flush(self, within_s: float) -> bool:
        """Wait until all that waits is written; return whether it is."""
        with suppress(TimeoutError):
            async with self._clock.timeout(within_s):
                while self._turn.locked() or self._pending.news.is_set():
                    await self._clock.sleep(_LOOK_S)
                return True
        return False

    def _taken(self) -> Batch | None:
        try:
            return self._pending.take()
        except Exception as error:  # noqa: BLE001 - a defect costs what was taken, and no call
            _log.error("batch is lost", error=type(error).__name__, frames=frames_of(error))
            return None

    async def _write(self, batch: Batch) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                async with self._clock.timeout(_WRITE_S):
                    await self._sink.write(batch)
            except Unwritable as error:
                await self._write_apart(batch, error)
                return
            except (NotTaken, TimeoutError) as error:
                self._failed(error)
                await self._clock.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self._took()
                return

    async def _write_apart(self, batch: Batch, error: Unwritable) -> None:
        """Write each part of a batch for itself, and give up what spoils it."""
        for part in batch.parts():
            if part == batch:
                _log.error("what cannot be stored is given up", part=part.kind, error=str(error))
                return
            await self._write(part)

    def _failed(self, error: NotTaken | TimeoutError) -> None:
        self._failures += 1
        if self._failures == 1:
            self.stuck_since = self._clock.now()
            _log.error("store does not take what it is given", error=str(error) or "timeout")

    def _took(self) -> None:
        if self._failures:
            lost = self._pending.events_lost
            _log.info("store takes again", failures=self._failures, events_lost=lost)
            self._failures, self.stuck_since = 0, None
