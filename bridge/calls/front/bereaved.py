"""What becomes of a call whose host is gone? Whoever finds out ends it, in its host's place."""

from collections.abc import Sequence
from dataclasses import replace

from bridge.errors import RoomError
from bridge.logs import get_logger
from bridge.ports.call import CallState, CallView, Ending
from bridge.ports.clock import Clock
from bridge.ports.event import CallEvent, Ended, EventKind, StateChanged
from bridge.ports.placement import DirectoryUpdates, Placed
from bridge.ports.report import CallReport, Incident, MediaTotals, SetupTimes
from bridge.ports.room import RoomService
from bridge.ports.store import EventRecords, ReportSink

_log = get_logger(__name__)

REPORT_INCOMPLETE = "report_incomplete"


class Bereaved:
    """Ends calls that nobody carries any more: once, with a report, and without their room.

    Their host must be known to be dead: it would go on otherwise, and be heard no more.
    """

    def __init__(
        self,
        *,
        events: EventRecords,
        directory: DirectoryUpdates,
        store: ReportSink,
        rooms: RoomService,
        clock: Clock,
    ) -> None:
        self._events = events
        self._directory = directory
        self._store = store
        self._rooms = rooms
        self._clock = clock

    async def end(self, placed: Placed, draft: CallReport | None, ending: Ending) -> None:
        """End a call; `draft` is its report as far as its host had told of it."""
        view = placed.view
        if view.is_over:
            return
        sequence = await self._events.last_sequence(view.connection_id)
        moves = _last_moves(view.state)
        # The report counts the event that carries it.
        ended = replace(self._ended(view, ending), last_sequence=sequence + len(moves) + 1)
        report = self._report(ended, draft)
        told: tuple[EventKind, ...] = (*moves, Ended(report))
        for kind in told:
            sequence += 1
            await self._events.append(self._event(ended, sequence, kind))
        await self._store.save(report)
        await self._directory.update(ended, placed.epoch)
        _log.warning(
            "call ended in its host's place",
            connection_id=view.connection_id,
            reason=ending.reason.name,
            host_id=placed.host_id,
        )
        if not view.spec.foreign_room:
            await self._delete_room(view)

    def _ended(self, view: CallView, ending: Ending) -> CallView:
        now = self._clock.now()
        active_s = 0.0 if view.joined_at is None else (now - view.joined_at).total_seconds()
        return replace(
            view,
            state=CallState.ENDED,
            ending=view.ending or ending,
            ended_at=view.ended_at or now,
            active_duration_s=max(view.active_duration_s, active_s),
            participants=tuple(
                replace(one, connected=False, microphone_on=False) for one in view.participants
            ),
        )

    def _event(self, view: CallView, sequence: int, kind: EventKind) -> CallEvent:
        now = self._clock.now()
        offset_s = (now - view.spec.created_at).total_seconds()
        return CallEvent(view.connection_id, sequence, now, offset_s, kind)

    def _report(self, ended: CallView, draft: CallReport | None) -> CallReport:
        missing = Incident(
            self._clock.now(), REPORT_INCOMPLETE, "the call's host died; its last figures are lost"
        )
        known = draft or CallReport(ended, True, SetupTimes(), (), None, 0.0, MediaTotals(), ())
        return replace(known, view=ended, complete=True, incidents=(*known.incidents, missing))

    async def _delete_room(self, view: CallView) -> None:
        try:
            await self._rooms.delete(view.spec.room_name)
        except RoomError as error:
            # LiveKit drops an empty room itself, and the sweep looks again.
            _log.warning("room not deleted", connection_id=view.connection_id, error=str(error))


def _last_moves(state: CallState) -> Sequence[StateChanged]:
    """Return how a call gets from its state to its end."""
    moves = [StateChanged(CallState.ENDED, CallState.ENDING)]
    if state is not CallState.ENDING:
        moves.insert(0, StateChanged(CallState.ENDING, state))
    return moves
