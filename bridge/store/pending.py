"""What waits to be written? Bounded: of a store that is stuck events are lost, ends are not.

Nobody waits here. Events go in their order; of a live call only the newest state; its end, its
report and its last event together, once everything before them has gone.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from itertools import islice
from typing import Final

from bridge.ids import ConnectionId, TenantId
from bridge.logs import get_logger
from bridge.messages.keeping import kept_event, with_incident
from bridge.ports.budget import Spent
from bridge.ports.call import CallView
from bridge.ports.host import Epoch
from bridge.ports.placement import Placed
from bridge.ports.report import CallReport, Incident
from bridge.ports.store import LoggedEvent
from bridge.retention import Retention
from bridge.store.rows import CallRow, SpendingRow, call_row

_log = get_logger(__name__)

# Some minutes of a hundred calls, and no more memory than that.
MAX_EVENTS: Final = 20_000
MAX_EVENT_BYTES: Final = 32 * 1024 * 1024
# Hours of them; by then somebody has done something about a store that is said to be stuck.
MAX_ENDS: Final = 10_000

# A batch is encoded at one go, on the loop that carries calls.
_EVENTS_A_BATCH: Final = 256
_CALLS_A_BATCH: Final = 8

EVENTS_NOT_STORED: Final = "events_not_stored"


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written in one transaction."""

    calls: tuple[CallRow, ...] = ()
    forgotten: tuple[ConnectionId, ...] = ()
    events: tuple[LoggedEvent, ...] = ()
    spending: tuple[SpendingRow, ...] = ()

    @property
    def kind(self) -> str:
        """Return what it is a batch of, where it is of one thing."""
        return next(one.name for one in fields(self) if getattr(self, one.name))

    def parts(self) -> Iterator["Batch"]:
        """Yield what can be written apart, where one of them spoils the whole."""
        yield from (Batch(spending=(row,)) for row in self.spending)
        yield from (Batch(forgotten=(one,)) for one in self.forgotten)
        yield from (Batch(events=(event,)) for event in self.events)
        yield from (Batch(calls=(row,)) for row in self.calls)


@dataclass(slots=True)
class _Call:
    """A call of which something may have to be written."""

    placed: Placed
    report: CallReport | None = None
    last_event: LoggedEvent | None = None
    last_sequence: int = 0
    events_waiting: int = 0
    events_lost: int = 0

    @property
    def retention(self) -> Retention:
        return self.placed.view.spec.retention

    @property
    def is_over(self) -> bool:
        return self.placed.view.is_over and self.last_event is not None


class Pending:
    """Everything that is to be written, as it is told; `take` returns what is to go next."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        """Something waits."""
        self._calls: dict[ConnectionId, _Call] = {}
        self._changed: dict[ConnectionId, None] = {}
        self._over: dict[ConnectionId, None] = {}
        self._forgotten: dict[ConnectionId, None] = {}
        self._events: deque[LoggedEvent] = deque()
        self._event_bytes = 0
        self._spent: dict[tuple[date, TenantId, ConnectionId], Spent] = {}
        self.events_lost = 0
        """Since the server began."""

    @property
    def events_waiting(self) -> int:
        return len(self._events)

    @property
    def ends_waiting(self) -> int:
        return len(self._over)

    def enter(self, placed: Placed) -> None:
        """A call begins, or is found unfinished."""
        self._calls[placed.view.connection_id] = _Call(placed)
        self._change(placed.view.connection_id)

    def update(self, view: CallView, epoch: Epoch) -> None:
        """A call has changed, or is over; nothing is heard of an earlier life's."""
        call = self._calls.get(view.connection_id)
        if call is None or call.placed.epoch != epoch or call.placed.view.is_over:
            return
        before = call.placed.view
        call.placed = replace(call.placed, view=view)
        if view.is_over:
            self._end_if_complete(call)
        elif _told_at_once(view) != _told_at_once(before):
            self._change(view.connection_id)

    def draft(self, report: CallReport) -> None:
        """A report as far as it goes, and the call as it was then: seconds ago in a worker."""
        call = self._calls.get(report.view.connection_id)
        if call is not None and not call.placed.view.is_over:
            call.report = report
            if report.view.last_sequence >= call.placed.view.last_sequence:
                call.placed = replace(call.placed, view=report.view)
            self._change(report.view.connection_id)

    def save(self, report: CallReport) -> None:
        """A report that is complete."""
        call = self._calls.get(report.view.connection_id)
        if call is not None:
            call.report = report

    def append(self, event: LoggedEvent) -> None:
        """An event; where too many wait it is lost, the last one of a call excepted."""
        call = self._calls.get(event.connection_id)
        if call is None or call.last_event is not None or event.sequence <= call.last_sequence:
            return
        call.last_sequence = event.sequence
        if event.is_last:
            call.last_event = event
            self._end_if_complete(call)
        elif call.retention is not Retention.NONE:
            self._append(event, call)

    def forget(self, connection_id: ConnectionId) -> int:
        """A call never began, or nothing may be kept of it any more.

        Returns how many events of it waited.
        """
        call = self._calls.pop(connection_id, None)
        self._changed.pop(connection_id, None)
        self._over.pop(connection_id, None)
        self._forgotten[connection_id] = None
        self.news.set()
        return 0 if call is None else call.events_waiting + (call.last_event is not None)

    def spend(
        self, day: date, tenant_id: TenantId, connection_id: ConnectionId, spent: Spent
    ) -> None:
        """What a call has spent on a day so far."""
        key = (day, tenant_id, connection_id)
        if spent.includes(self._spent.get(key, Spent())):
            self._spent[key] = spent
            self.news.set()

    def take(self) -> Batch:
        """Return what is to be written next; it is the caller's from now on."""
        forgotten = tuple(self._forgotten)
        self._forgotten.clear()
        events = list(self._taken_events())
        spending = tuple(SpendingRow.of(*key, spent) for key, spent in self._spent.items())
        self._spent.clear()
        rows = list(self._live_rows())
        for connection_id in self._complete():
            del self._over[connection_id]
            call = self._calls.pop(connection_id)
            if call.retention is Retention.NONE:
                forgotten += (connection_id,)
            else:
                row, last = _ended(call)
                rows.append(row)
                events.append(last)
        if not (self._changed or self._over or self._events):
            self.news.clear()
        return Batch(tuple(rows), forgotten, tuple(events), spending)

    def _change(self, connection_id: ConnectionId) -> None:
        self._changed[connection_id] = None
        self.news.set()

    def _end_if_complete(self, call: _Call) -> None:
        connection_id = call.placed.view.connection_id
        if not call.is_over:
            return
        self._changed.pop(connection_id, None)
        self._over[connection_id] = None
        self.news.set()
        if len(self._over) > MAX_ENDS:
            oldest = next(iter(self._over))
            del self._over[oldest], self._calls[oldest]
            _log.error("too many ends wait to be stored; one is given up", connection_id=oldest)

    def _append(self, event: LoggedEvent, call: _Call) -> None:
        size = len(event.payload)
        if len(self._events) >= MAX_EVENTS or self._event_bytes + size > MAX_EVENT_BYTES:
            call.events_lost += 1
            self.events_lost += 1
            return
        self._events.append(event)
        self._event_bytes += size
        call.events_waiting += 1
        self.news.set()

    def _taken_events(self) -> Iterator[LoggedEvent]:
        for _ in range(min(len(self._events), _EVENTS_A_BATCH)):
            event = self._events.popleft()
            self._event_bytes -= len(event.payload)
            call = self._calls.get(event.connection_id)
            if call is not None:  # or else it has been forgotten meanwhile
                call.events_waiting -= 1
                yield kept_event(event, call.retention)

    def _live_rows(self) -> Iterator[CallRow]:
        for connection_id in list(islice(self._changed, _CALLS_A_BATCH)):
            del self._changed[connection_id]
            call = self._calls[connection_id]
            # Of one that is almost over the rest follows in a moment, or its next life ends it.
            if not call.placed.view.is_over:
                draft = None if call.retention is Retention.NONE else call.report
                yield call_row(call.placed, draft, is_over=False)

    def _complete(self) -> list[ConnectionId]:
        """Return calls that are over and of which no earlier event waits."""
        complete = (one for one in self._over if not self._calls[one].events_waiting)
        return list(islice(complete, _CALLS_A_BATCH))


def _ended(call: _Call) -> tuple[CallRow, LoggedEvent]:
    """Return a call that is over, and its last event; both say what is missing."""
    assert call.last_event is not None  # noqa: S101 - it is over
    report, last = call.report, call.last_event
    if call.events_lost:
        view = call.placed.view
        incident = Incident(
            view.ended_at or view.spec.created_at,
            EVENTS_NOT_STORED,
            f"{call.events_lost} events could not be stored",
        )
        last = with_incident(last, incident)
        if report is not None:
            report = replace(report, incidents=(*report.incidents, incident))
    row = call_row(call.placed, report, is_over=True)
    return row, kept_event(last, call.retention)


def _told_at_once(view: CallView) -> object:
    """Return what of a live call is worth a write of its own; the rest comes with the drafts."""
    spec = view.spec
    return view.state, view.joined_at, view.participants, spec.metadata, spec.agent.language
