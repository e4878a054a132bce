"""One call from its room to its report: a task tree that ends once, for one reason."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Final

from bridge.calls.captions import Captions
from bridge.calls.conversation import Conversation
from bridge.calls.deadlines import Deadlines, Limit
from bridge.calls.ending import Farewell, Verdict, ending_of_error
from bridge.calls.farewell import last_words
from bridge.calls.journal import Journal
from bridge.calls.measure import Measurement
from bridge.calls.media import CallMedia
from bridge.calls.record import CallRecord
from bridge.calls.recording import CallRecording
from bridge.calls.services import CallServices
from bridge.calls.silence import SilencePolicy
from bridge.calls.spending import Spending
from bridge.calls.stay import Stay
from bridge.calls.steering import Steering
from bridge.calls.toolbox import ToolServices
from bridge.calls.turn_control import session_config
from bridge.errors import ModelError
from bridge.ids import ConnectionId, TenantId, bot_identity_for
from bridge.logs import call_context, get_logger
from bridge.ports.budget import LimitKind
from bridge.ports.call import CallSpec, CallState, CallView, Ending, EndReason, StartPolicy
from bridge.ports.control import Command, CommandId, ControlOutcome
from bridge.ports.event import LimitNear, LinkState
from bridge.ports.host import Epoch
from bridge.ports.report import CallReport, MediaTotals
from bridge.ports.room import Bot, RoomRequest, SpeakerTrack
from bridge.ports.room_news import RoomNews
from bridge.ports.telemetry import CallTelemetry
from bridge.tracebacks import frames_of

_log = get_logger(__name__)

# Watchers are told so long before a call's time is up, but not before half of it is over.
_WARN_S: Final = 60.0

# Whoever speaks has a microphone by then, the browser's question for it included.
_MICROPHONE_S: Final = 3.0

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
        self._steering = Steering(self._media, self._record, self._verdict, self._spawn)
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
        self._group = asyncio.TaskGroup()
        self._parts: set[asyncio.Task[None]] = set()
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
        async with self._group:
            self._spawn(self._be_in_room(), "room")
            self._spawn(self._talk(), "model")
            self._spawn(self._keep_limits(), "limits")
            self._spawn(self._warn_of_the_end(), "warning")
            self._spawn(self._spending.watch(), "spending")
            self._spawn(self._record_sound(), "recording")
            try:
                ending = await self._verdict.wait()
                self._decide(ending)
                await self._last_words(ending)
                # Before the parts are gone, and their counters with them.
                self._media.fall_silent()
                await self._media.measure()
            finally:
                for part in self._parts:
                    part.cancel()

    def _spawn(self, part: Coroutine[None, None, None], name: str) -> None:
        task = self._group.create_task(self._guard(part), name=f"{name} {self.connection_id}")
        self._parts.add(task)
        task.add_done_callback(self._parts.discard)
        # One that is cancelled before its first step never awaits its part.
        task.add_done_callback(lambda _: part.close())

    async def _guard(self, part: Coroutine[None, None, None]) -> None:
        """Turn what a part raises into the call's ending: media and model never decide alone."""
        try:
            await part
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends this call, not the host
            self._blame(error)

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

    async def _be_in_room(self) -> None:
        spec = self._spec
        self._record.media_is(LinkState.CONNECTING)
        identity = bot_identity_for(spec.connection_id)
        joining = self._services.rooms.join(spec.room_name, identity, spec.agent.name)
        async with joining as bot:
            self._media.joined(bot)
            self._captions.show_by(bot)
            if spec.start_policy is StartPolicy.VOICE_ON_MICROPHONE:
                self._spawn(self._publish_late(bot), "publishing")
            else:
                await self._publish(bot)
            self._stay.bot_entered()
            async for event in bot.events():
                self._stay.on(event)
        self._verdict.reach(Ending(EndReason.INTERNAL, "the room's events just stopped"))

    async def _publish(self, bot: Bot) -> None:
        await bot.publish()
        self._stay.bot_published()
        self._recording.look_again()

    async def _publish_late(self, bot: Bot) -> None:
        """Wait for a microphone, or for a caller who seems to have none."""
        await self._stay.somebody_came.wait()
        with suppress(TimeoutError):
            async with self._clock.timeout(_MICROPHONE_S):
                await self._stay.microphone_heard.wait()
        await self._publish(bot)

    async def _talk(self) -> None:
        if self._spec.start_policy is StartPolicy.ON_JOIN:
            await self._stay.somebody_came.wait()
        self._record.model_is(LinkState.CONNECTING)
        async with self._services.models.open(session_config(self._spec.agent)) as session:
            self._record.model_is(LinkState.READY, session.session_id)
            await self._stay.track_published.wait()
            tools = ToolServices(self._services.tools, end=self._verdict.reach)
            conversation = self._media.converse(session, tools)
            self._spawn(conversation.voice.play(), "playout")
            self._spawn(conversation.voice.fall_silent(), "silence")
            self._spawn(conversation.turns.keep_time(), "turns")
            self._spawn(conversation.turns.ask_for_answers(), "answers")
            self._spawn(self._greet(conversation), "greeting")
            try:
                await conversation.listen()
            except ModelError:
                self._record.model_is(LinkState.LOST, session.session_id)
                raise
        self._verdict.reach(Ending(EndReason.INTERNAL, "the model's events just stopped"))

    async def _greet(self, conversation: Conversation) -> None:
        await self._stay.somebody_came.wait()
        await self._stay.output_subscribed.wait()
        await conversation.greet(self._spec.agent.greeting)
        if self._spec.agent.silence:
            self._spawn(self._mind_silence(conversation), "silence steps")

    async def _mind_silence(self, conversation: Conversation) -> None:
        policy = SilencePolicy(
            self._spec.agent.silence,
            utterances=conversation.utterances,
            quiet=conversation.quiet,
            verdict=self._verdict,
            record=self._record,
            clock=self._clock,
            is_held=lambda: conversation.toolbox.is_working or not self._stay.anyone_there,
        )
        await policy.run()

    async def _record_sound(self) -> None:
        await self._stay.somebody_came.wait()
        await self._recording.run()

    async def _keep_limits(self) -> None:
        limit = await self._deadlines.next_passed()
        notice = self._spec.limits.time_exceeded_text if limit is Limit.DURATION else None
        farewell = None if notice is None else Farewell(notice)
        self._verdict.reach(self._stay.ending_of(limit), farewell=farewell)

    async def _warn_of_the_end(self) -> None:
        await self._stay.somebody_came.wait()
        longest_s = self._spec.limits.max_duration_s
        warning_s = min(_WARN_S, longest_s / 2)
        await self._clock.sleep(longest_s - warning_s)
        self._record.tell(LimitNear(LimitKind.DURATION, 1 - warning_s / longest_s, warning_s))

    def _hear(self, track: SpeakerTrack) -> None:
        self._spawn(self._media.uplink.carry(track), "microphone")
        self._recording.look_again()

    def _decide(self, ending: Ending) -> None:
        self._decided_s = self._clock.monotonic_s()
        self._record.ending(ending)

    async def _last_words(self, ending: Ending) -> None:
        farewell = self._verdict.farewell
        if (allowed := last_words(ending.reason, farewell)) is None:
            return
        with suppress(TimeoutError):
            async with self._clock.timeout(allowed.finish_s):
                await self._media.finish_speaking()
        if farewell is not None and farewell.has_words:
            with suppress(TimeoutError):
                async with self._clock.timeout(allowed.goodbye_s):
                    await self._media.say_goodbye(farewell)

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
