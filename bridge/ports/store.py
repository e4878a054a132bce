"""What is kept of calls: their events while they may be watched, their reports afterwards."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from bridge.errors import OutOfRange
from bridge.ids import ConnectionId
from bridge.ports.event import CallEvent
from bridge.ports.report import CallReport


class EventsTrimmed(OutOfRange):
    """Events that were asked for are no longer kept; `first_kept` is the oldest that is."""

    def __init__(self, first_kept: int) -> None:
        super().__init__(
            "EVENTS_TRIMMED",
            f"events before {first_kept} are no longer kept",
            {"first_kept": str(first_kept)},
        )


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as it is kept: encoded once, where it happened, and passed on as it is."""

    connection_id: ConnectionId
    sequence: int
    is_last: bool
    payload: bytes = field(repr=False)


class EventLog(Protocol):
    """Where the owner of a call writes its events, numbered and in order."""

    async def append(self, event: CallEvent) -> None:
        """Keep an event. The same sequence number again is ignored, so a retry is safe."""
        ...


class EventArchive(Protocol):
    """The events of each call, for whoever follows them."""

    async def keep(self, event: LoggedEvent) -> None:
        """Keep an event. The same sequence number again is ignored, so a retry is safe.

        So is whatever comes behind the last event: of a call's two owners, one is a mistake.
        """
        ...

    async def last_sequence(self, connection_id: ConnectionId) -> int:
        """Return the number of the newest event that is kept, 0 where there is none."""
        ...

    async def follow(
        self, connection_id: ConnectionId, after: int
    ) -> AsyncGenerator[LoggedEvent, None]:
        """Return the events behind `after`, then new ones as they come; they end with the last one.

        Holds no queue of its own: a reader that is too slow may find its place trimmed.

        :raises KeyError: no such call.
        :raises EventsTrimmed: while they are read; the next event is no longer kept.
        """
        ...


class EventRecords(EventLog, EventArchive, Protocol):
    """Events that can be written in the place of their owner, too, who can be asked no more."""


class ReportSink(Protocol):
    """Where the owner of a call leaves its report."""

    async def save(self, report: CallReport) -> None: ...


class Store(ReportSink, Protocol):
    """Reports of calls that have ended."""

    async def report(self, connection_id: ConnectionId) -> CallReport | None: ...


@dataclass(frozen=True, slots=True)
class Erased:
    """How much of a call was kept, and is no more."""

    events: int = 0
    report: bool = False
    webhooks: int = 0
    """Endpoints that were still to be sent some of it, and events that one never took."""


class CallEraser(Protocol):
    """Whoever can forget a call that is over, wherever it is kept."""

    async def erase(self, connection_id: ConnectionId) -> Erased:
        """Forget all of a call that is over. Nothing of it comes back by itself.

        :raises Unavailable: the store does not answer; a second try erases what is left.
        """
        ...


class StoreBackend(Enum):
    """Where calls are kept beyond a process."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How a store is doing, and what it has not taken yet."""

    backend: StoreBackend
    stuck_since: datetime | None = None
    """None: it takes what it is given."""
    events_waiting: int = 0
    ends_waiting: int = 0
    events_lost: int = 0
    """Since the server began."""
