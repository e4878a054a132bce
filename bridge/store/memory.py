"""Events and reports in memory, bounded: gone with the process."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator

from bridge.ids import ConnectionId
from bridge.messages.events import logged
from bridge.messages.keeping import kept_event
from bridge.ports.event import CallEvent
from bridge.ports.report import CallReport
from bridge.ports.store import EventsTrimmed, LoggedEvent
from bridge.retention import Retention
from bridge.store.rows import kept_report


class _CallEvents:
    """One call's newest events."""

    def __init__(self, limit: int) -> None:
        self.events: deque[LoggedEvent] = deque(maxlen=limit)
        # Made by whoever waits first: most calls have no watcher at most times.
        self._news: asyncio.Event | None = None

    @property
    def last_sequence(self) -> int:
        return self.events[-1].sequence if self.events else 0

    @property
    def has_ended(self) -> bool:
        return bool(self.events) and self.events[-1].is_last

    def append(self, event: LoggedEvent) -> None:
        self.events.append(event)
        if self._news is not None:
            self._news.set()
            self._news = None

    async def more(self) -> None:
        """Wait for the next event."""
        if self._news is None:
            self._news = asyncio.Event()
        await self._news.wait()

    def at(self, sequence: int) -> LoggedEvent:
        """
        :raises EventsTrimmed: it is no longer kept.
        """
        first = self.events[0].sequence
        if sequence < first:
            raise EventsTrimmed(first)
        return self.events[sequence - first]


class MemoryEventLog:
    """Implements EventLog and EventArchive.

    Keeps the newest events of each call, and the calls ended last.
    """

    def __init__(self, *, events_per_call: int, ended_calls: int) -> None:
        self._events_per_call = events_per_call
        self._ended_calls = ended_calls
        self._live: dict[ConnectionId, _CallEvents] = {}
        self._ended: OrderedDict[ConnectionId, _CallEvents] = OrderedDict()

    async def append(self, event: CallEvent) -> None:
        await self.keep(logged(event))

    async def keep(self, event: LoggedEvent) -> None:
        call = self._find(event.connection_id)
        if call is None:
            call = self._live[event.connection_id] = _CallEvents(self._events_per_call)
        if event.sequence <= call.last_sequence or call.has_ended:
            return
        call.append(event)
        if event.is_last:
            self._ended[event.connection_id] = self._live.pop(event.connection_id)
            while len(self._ended) > self._ended_calls:
                self._ended.popitem(last=False)

    def reduce(self, connection_id: ConnectionId, retention: Retention) -> None:
        """Forget what may not be kept of a call that is over."""
        call = self._ended.get(connection_id)
        if call is None:
            return
        if retention is Retention.NONE:
            del self._ended[connection_id]
        for index, event in enumerate(call.events):
            call.events[index] = kept_event(event, retention)

    def forget(self, connection_id: ConnectionId) -> int:
        """Forget a call that is over; return how many events there were.

        Whoever reads them at this moment reads them to their end.
        """
        call = self._ended.pop(connection_id, None)
        return 0 if call is None else len(call.events)

    async def last_sequence(self, connection_id: ConnectionId) -> int:
        call = self._find(connection_id)
        return 0 if call is None else call.last_sequence

    async def follow(
        self, connection_id: ConnectionId, after: int
    ) -> AsyncGenerator[LoggedEvent, None]:
        call = self._find(connection_id)
        if call is None:
            raise KeyError(connection_id)
        return self._follow(call, after)

    def _find(self, connection_id: ConnectionId) -> _CallEvents | None:
        return self._live.get(connection_id) or self._ended.get(connection_id)

    @staticmethod
    async def _follow(call: _CallEvents, after: int) -> AsyncGenerator[LoggedEvent, None]:
        sequence = after + 1
        while True:
            if sequence <= call.last_sequence:
                yield call.at(sequence)
                sequence += 1
            elif call.has_ended:
                return
            else:
                await call.more()


class MemoryStore:
    """Implements Store. Keeps the reports that were saved last."""

    def __init__(self, *, reports: int) -> None:
        self._limit = reports
        self._reports: OrderedDict[ConnectionId, CallReport] = OrderedDict()

    async def save(self, report: CallReport) -> None:
        self._reports[report.view.connection_id] = report
        while len(self._reports) > self._limit:
            self._reports.popitem(last=False)

    async def report(self, connection_id: ConnectionId) -> CallReport | None:
        return self._reports.get(connection_id)

    def reduce(self, connection_id: ConnectionId) -> None:
        """Forget what may not be kept of a call."""
        report = self._reports.get(connection_id)
        if report is None:
            return
        if report.view.spec.retention is Retention.NONE:
            del self._reports[connection_id]
        else:
            self._reports[connection_id] = kept_report(report)

    def forget(self, connection_id: ConnectionId) -> bool:
        """Forget a call's report; return whether there was one."""
        return self._reports.pop(connection_id, None) is not None
