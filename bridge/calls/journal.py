"""How a call tells the world: numbered events into the log, its view into the directory."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from bridge.errors import BridgeError
from bridge.ids import ConnectionId
from bridge.logs import get_logger
from bridge.ports.call import CallView
from bridge.ports.clock import Clock
from bridge.ports.event import CallEvent, Ended, EventKind
from bridge.ports.host import Epoch
from bridge.ports.placement import DirectoryUpdates
from bridge.ports.store import EventLog

_log = get_logger(__name__)

# A call writes a few events a second: this is minutes of a log that does not take them.
_MAX_WAITING: Final = 4096

# A log that fails is asked again this much later: databases restart within seconds.
_RETRY_S: Final = 1.0


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
        directory: DirectoryUpdates,
    ) -> None:
        self._connection_id = connection_id
        self._epoch = epoch
        self._clock = clock
        self._log = log
        self._directory = directory
        self._started_s = clock.monotonic_s()
        self._waiting: deque[CallEvent] = deque()
        self._last_sequence = 0
        self._has_ended = False
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._followers: list[Callable[[EventKind], None]] = []

    @property
    def last_sequence(self) -> int:
        return self._last_sequence

    @property
    def elapsed_s(self) -> float:
        """Return the call's age by the monotonic clock."""
        return self._clock.monotonic_s() - self._started_s

    def offset_s(self, at_s: float) -> float:
        """Return how old the call was at a moment of the monotonic clock."""
        return at_s - self._started_s

    def follow(self, follower: Callable[[EventKind], None]) -> None:
        """Call `follower` with every event from now on, as it is written; it must not fail."""
        self._followers.append(follower)

    def write(self, kind: EventKind, *, even_if_full: bool = False) -> None:
        """Write an event; behind the call's end, which is the last one, none is.

        :raises JournalOverflow: too many events wait to be taken. The few that tell of the call's
            end are written `even_if_full`.
        """
        if self._has_ended:
            return
        if len(self._waiting) >= _MAX_WAITING and not even_if_full:
            raise JournalOverflow("the event log does not take events")
        self._has_ended = isinstance(kind, Ended)
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
        for follower in self._followers:
            follower(kind)

    async def run(self, view: Callable[[], CallView]) -> None:
        """Hand on what is written, until cancelled. A log that fails is asked again."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._hand_on(view)
            except Exception as error:  # noqa: BLE001 - whatever it is, the call goes on meanwhile
                _log.warning(
                    "events not taken", error=type(error).__name__, waiting=len(self._waiting)
                )
                await self._clock.sleep(_RETRY_S)
                self._news.set()
            if not self._waiting:
                self._idle.set()

    async def _hand_on(self, view: Callable[[], CallView]) -> None:
        # Events written meanwhile wait for the next round: the directory first, since who has
        # seen an event must not be told an older state.
        count = len(self._waiting)
        await self._directory.update(view(), self._epoch)
        for _ in range(count):
            await self._log.append(self._waiting[0])
            self._waiting.popleft()

    async def flushed(self) -> None:
        """Wait until everything written so far has been handed on."""
        await self._idle.wait()
