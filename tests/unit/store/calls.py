"""Calls, events and reports for tests of the store."""

from dataclasses import replace
from datetime import datetime

from bridge.messages.events import logged
from bridge.ports.call import CallState, CallView, Ending, EndReason
from bridge.ports.event import CallEvent, Ended, EventKind, Warned
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import Placed
from bridge.ports.report import CallReport, MediaTotals, SetupTimes, Turn
from bridge.ports.store import LoggedEvent
from bridge.retention import Retention
from tests.fakes.agents import SPEC, numbered

HOST, EPOCH = HostId("host-a"), Epoch(1)


def view(number: int = 1, retention: Retention = Retention.ALL) -> CallView:
    return CallView(replace(numbered(number), retention=retention), HOST)


def placed(number: int = 1, retention: Retention = Retention.ALL) -> Placed:
    return Placed(view(number, retention), HOST, EPOCH)


def over(of: CallView, at: datetime = SPEC.created_at) -> CallView:
    ending = Ending(EndReason.API_ENDED)
    return replace(of, state=CallState.ENDED, ending=ending, ended_at=at)


def report(of: CallView) -> CallReport:
    turns = (Turn(1, SPEC.created_at, user_text="Hello?", agent_text="Good day."),)
    return CallReport(of, of.is_over, SetupTimes(), turns, None, 0.0, MediaTotals(), ())


def event(of: CallView, sequence: int, kind: EventKind | None = None) -> LoggedEvent:
    kind = kind or Warned("n", str(sequence))
    return logged(CallEvent(of.connection_id, sequence, SPEC.created_at, 0.0, kind))


def last(of: CallView, sequence: int) -> LoggedEvent:
    return event(of, sequence, Ended(report(over(of))))
