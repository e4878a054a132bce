"""What is kept of calls: their events while they may be watched, their reports afterwards."""

from collections.abc import AsyncIterator
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


class EventLog(Protocol):
    """The events of each call, in order. The owner of a call numbers them."""

    async def append(self, event: CallEvent) -> None:
        """Keep an event. The same sequence number again is ignored, so a retry is safe."""
        ...

    def follow(self, connection_id: ConnectionId, after: int) -> AsyncIterator[CallEvent]:
        """Yield the events behind `after`, then new ones as they come; ends behind `Ended`.

        Holds no queue of its own: a reader that is too slow finds its place trimmed.

        :raises EventsTrimmed: the next event is no longer kept.
        :raises KeyError: no such call.
        """
        ...


class Store(Protocol):
    """Reports of calls that have ended."""

    async def save(self, report: CallReport) -> None: ...

    async def report(self, connection_id: ConnectionId) -> CallReport | None: ...
