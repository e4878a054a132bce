"""One call from its room to its report: a task tree that ends once, for one reason."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from bridge.calls.attendance import Attendance
from bridge.calls.captions import Captions
from bridge.calls.deadlines import Deadlines, Limit
from bridge.calls.ending import Verdict, ending_of_error
from bridge.calls.farewell import take_leave
from bridge.calls.journal import Journal
from bridge.calls.measure import Measurement
from bridge.calls.media import CallMedia
from bridge.calls.parts import Part, Parts
from bridge.calls.record import CallRecord
from bridge.calls.recording import CallRecording
from bridge.calls.services import CallServices
from bridge.calls.spending import Spending
from bridge.calls.stay import Stay
from bridge.calls.steering import Steering
from bridge.calls.talk import Talk
from bridge.calls.time_limits import TimeLimits
from bridge.ids import ConnectionId, TenantId
from bridge.logs import call_context, get_logger
from bridge.ports.call import CallSpec, CallState, CallView, Ending, EndReason
from bridge.ports.control import Command, CommandId, ControlOutcome
from bridge.ports.host import Epoch
from bridge.ports.report import CallReport, MediaTotals
from bridge.ports.room import RoomRequest
from bridge.ports.room_event import SpeakerTrack
from bridge.ports.room_news import RoomNews
from bridge.ports.telemetry import CallTelemetry
from bridge.tracebacks import frames_of

_log = get_logger(__name__)

# Deleting a room, saving a report, telling the last event: each has this long.
_CLOSING_STEP_S: Final = 5.0

# All of an ending's steps together, twice over: a call that takes longer is stuck.
_OVERDUE_S: Final = 60.0


class Call:
    """One call. `open`, then `run` in a task of its own; `end` from anywhere."""

    def __init__(self, spec: CallSpec, epoch: Epoch, services: CallServices) -> None:
        clock = services.clock
        self._spec = spec
        self._services = services
        self._clock = clock
        self._verdict = Verdict()
        self._deadlines = Deadlines(clock)
        self._journal = Journal(
            spec.connection_id, epoch, clock, services.events, services.directory
        )
        self._captions = Captions(spec.caller_identity)
        self._journal.follow(self._captions.on)
        self._record = CallRecord(spec, services.host_id, clock, self._journal)
        self._recording = CallRecording(
            spec, self._record, services.recordings, services.egress, clock
        )
        self._media = CallMedia(spec, self._record, clock, services.cleaners, self._recording)
        self._parts = Parts(spec.connection_id, self._blame)
        self._steering = Steering(self._media, self._record, self._verdict, self._parts.spawn)
        self._stay = Stay(
            spec.limits,
            self._record,
            self._deadlines,
            self._verdict,
            clock,
            hear=self._hear,
            read=self._steering.read,
        )
        self._spending = Spending(spec, self._record, self._verdict, services.spending, clock)
        self._journal.follow(self._spending.on)
        self._over = asyncio.Event()
        self._decided_s: float | None = None

    @property
    def connection_id(self) -> ConnectionId:
        return self._spec.connection_id

    @property
    def tenant_id(self) -> TenantId:
        return self._spec.tenant_id

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    async def open(self) -> None:
        """Create the call's room.

        :raises RoomError: LiveKit did not; there is no call then.
        """
        if not self._spec.foreign_room:
            await self._create_room()
        self._record.created()

    async def run(self) -> None:
        """Carry the call until it has ended. Cancelling it ends the call as our fault."""
        with call_context(self._spec.connection_id):
            async with asyncio.TaskGroup() as telling:
                teller = telling.create_task(self._journal.run(self.view), name="journal")
                try:
                    await self._live()
                except Exception as error:  # noqa: BLE001 - it ends this call, not the host
                    self._blame(error)
                finally:
                    try:
                        await self._close()
                    finally:
                        teller.cancel()
                        self._over.set()

    def end(self, ending: Ending) -> bool:
        """Ask for the end; return whether this decided it."""
        return self._verdict.reach(ending)

    async def control(self, command_id: CommandId, command: Command) -> ControlOutcome:
        """Apply a command; the same id again returns the first outcome."""
        return await self._steering.apply(command_id, command)

    def notice(self, news: RoomNews) -> bool:
        """Take what LiveKit says of the room; return whether the bot had not noticed."""
        return self._stay.notice(news)

    async def ended(self) -> CallView:
        """Wait for the end."""
        await self._over.wait()
        return self.view()

    def view(self) -> CallView:
        return self._record.view()

    def report(self) -> CallReport:
        """Return the report as far as it goes."""
        return self._record.report(self._totals(self._media.totals_so_far()))

    async def measure(self) -> Measurement:
        return await self._media.measure()

    def telemetry(
        self, before: Measurement, after: Measurement, loop_lag_s: float
    ) -> CallTelemetry:
        return self._media.telemetry(before, after, loop_lag_s)

    def is_overdue(self) -> bool:
        """Return whether the call should be over by now, whatever happened to it."""
        due_s = self._deadlines.last_due_s if self._decided_s is None else self._decided_s
        return due_s is not None and self._clock.monotonic_s() > due_s + _OVERDUE_S

    async def _live(self) -> None:
        self._deadlines.start(Limit.JOIN, self._spec.limits.join_timeout_s)
        async with self._parts as parts:
            parts.spawn(self._carry_on(self._attendance().run, "the room's events"), "room")
            parts.spawn(self._carry_on(self._talk().run, "the model's events"), "model")
            limits = self._time_limits()
            parts.spawn(limits.keep(), "limits")
            parts.spawn(limits.warn(), "warning")
            parts.spawn(self._spending.watch(), "spending")
            parts.spawn(self._record_sound(), "recording")
            ending = await self._verdict.wait()
            self._decide(ending)
            await take_leave(self._media, ending.reason, self._verdict.farewell, self._clock)
            # Before the parts are gone, and their counters with them.
            self._media.fall_silent()
            await self._media.measure()

    async def _carry_on(self, run: Callable[[], Part], what: str) -> None:
        """Carry a part without which there is no call, however it ends."""
        await run()
        self._verdict.reach(Ending(EndReason.INTERNAL, f"{what} just stopped"))

    def _attendance(self) -> Attendance:
        return Attendance(
            self._services.rooms,
            media=self._media,
            captions=self._captions,
            recording=self._recording,
            stay=self._stay,
            record=self._record,
            clock=self._clock,
            spawn=self._parts.spawn,
        )

    def _talk(self) -> Talk:
        return Talk(
            self._services.models,
            self._services.tools,
            media=self._media,
            stay=self._stay,
            verdict=self._verdict,
            record=self._record,
            clock=self._clock,
            spawn=self._parts.spawn,
        )

    def _time_limits(self) -> TimeLimits:
        return TimeLimits(
            self._spec.limits,
            self._deadlines,
            stay=self._stay,
            verdict=self._verdict,
            record=self._record,
            clock=self._clock,
        )

    def _blame(self, error: Exception) -> None:
        ending = ending_of_error(error, bot_was_in_room=self._stay.bot_was_in_room)
        if self._verdict.reach(ending) and ending.reason is EndReason.INTERNAL:
            _log.error("call part failed", error=type(error).__name__, frames=frames_of(error))

    async def _create_room(self) -> None:
        tuning = self._services.room_tuning
        request = RoomRequest(
            self._spec.room_name,
            self._spec.connection_id,
            tuning.empty_timeout_s,
            tuning.max_participants,
        )
        try:
            await self._services.rooms.create(request)
        except Exception:
            # Whoever asked for it may be gone: a call that never was must not stay on the list.
            await self._services.directory.remove(self._spec.connection_id)
            raise

    async def _record_sound(self) -> None:
        await self._stay.somebody_came.wait()
        await self._recording.run()

    def _hear(self, track: SpeakerTrack) -> None:
        self._parts.spawn(self._media.uplink.carry(track), "microphone")
        self._recording.look_again()

    def _decide(self, ending: Ending) -> None:
        self._decided_s = self._clock.monotonic_s()
        self._record.ending(ending)

    async def _close(self) -> None:
        """Take down what is left and tell the end; bounded, whatever does not answer."""
        self._verdict.reach(Ending(EndReason.INTERNAL, "the call was cut off"))
        ending = await self._verdict.wait()
        if self._record.state is not CallState.ENDING:
            self._decide(ending)
        # At the same time: nobody stays in the room because a recorder takes its time.
        finishing = self._within_a_step("recording not finished", self._recording.finish())
        await asyncio.gather(self._leave_no_room(), finishing)
        report = self._record.ended(self._totals(self._media.totals_so_far()))
        await self._within_a_step("spending not told", self._spending.settle())
        await self._within_a_step("report not saved", self._services.store.save(report))
        await self._within_a_step("last event not told", self._journal.flushed())
        _log.info(
            "call ended",
            reason=ending.reason.name,
            fault=ending.fault.name,
            detail=ending.detail,
            active_s=round(report.view.active_duration_s, 3),
            turns=len(report.turns),
        )

    async def _leave_no_room(self) -> None:
        if not self._spec.foreign_room:
            # If LiveKit is gone: it drops the empty room itself, and the sweep looks again.
            deleting = self._services.rooms.delete(self._spec.room_name)
            await self._within_a_step("room not deleted", deleting)

    async def _within_a_step(self, failure: str, step: Coroutine[None, None, None]) -> None:
        try:
            async with self._clock.timeout(_CLOSING_STEP_S):
                await step
        except Exception as error:  # noqa: BLE001 - the call must end whatever does not answer
            _log.error(failure, error=type(error).__name__)

    def _totals(self, measured: Measurement) -> MediaTotals:
        return measured.totals(
            interruptions=self._media.interruptions, media_reconnects=self._stay.media_reconnects
        )
