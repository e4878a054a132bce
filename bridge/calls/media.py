"""The media path of one call: as much of it as is connected, and its figures."""

from contextlib import suppress
from dataclasses import replace
from typing import Final

from bridge.calls.conversation import Conversation
from bridge.calls.ending import Farewell
from bridge.calls.keypad import Keypad
from bridge.calls.measure import Measurement, network_between
from bridge.calls.record import CallRecord
from bridge.calls.recording import CallRecording
from bridge.calls.tools.builtin import CallExecutors
from bridge.calls.tools.toolbox import ToolServices
from bridge.calls.uplink import Uplink
from bridge.errors import RoomError
from bridge.media.cleaning import Cleaners
from bridge.media.level import FLOOR_DBFS, Level, rms_dbfs
from bridge.media.playout import Playout, PlayoutCounters
from bridge.media.resample import to_model, to_room
from bridge.ports.call import CallSpec
from bridge.ports.clock import Clock
from bridge.ports.control import SayBehaviour
from bridge.ports.model import ModelCounters, ModelSession
from bridge.ports.room import Bot, NetworkStats
from bridge.ports.telemetry import CallTelemetry, DirectionTelemetry

FAREWELL_TAG: Final = "farewell"

# WebRTC's counters come from its own threads; a dead connection may never answer.
_STATS_S: Final = 1.0


class CallMedia:
    """Room, uplink, model session and conversation of one call, as they come and go."""

    def __init__(
        self,
        spec: CallSpec,
        record: CallRecord,
        clock: Clock,
        cleaners: Cleaners,
        recording: CallRecording,
    ) -> None:
        self._spec = spec
        self._record = record
        self._clock = clock
        self._bot: Bot | None = None
        self._keypad: Keypad | None = None
        self._session: ModelSession | None = None
        self._playout: Playout | None = None
        self._conversation: Conversation | None = None
        self._network = NetworkStats()
        self.uplink = Uplink(
            to_model(),
            lambda: cleaners.cleaner(spec.agent.noise),
            clock,
            measures_speech=spec.agent.interruption.min_speech_s > 0,
        )
        self.recording = recording
        if recording.is_wanted:
            self.uplink.tap = recording.hear

    @property
    def interruptions(self) -> int:
        return self._conversation.voice.interruptions if self._conversation else 0

    @property
    def conversation(self) -> Conversation | None:
        """Return the talk with the model, once there is one."""
        return self._conversation

    @property
    def keypad(self) -> Keypad | None:
        """Return what presses keys in the room, once the bot is there."""
        return self._keypad

    def joined(self, bot: Bot) -> None:
        self._bot, self._keypad = bot, Keypad(bot, self._record)

    def converse(self, session: ModelSession, tools: ToolServices) -> Conversation:
        """Connect the joined bot and the open session with each other."""
        # A conversation begins once the bot is there.
        assert self._bot is not None  # noqa: S101
        assert self._keypad is not None  # noqa: S101
        output = self.recording.heard_through(self._bot.output)
        playout = Playout(to_room(), output, self._clock)
        executors = CallExecutors(session, self._keypad, self._record, tools.executors)
        conversation = Conversation(
            session=session,
            output=output,
            playout=playout,
            ears=self.uplink,
            tools=replace(tools, executors=executors),
            record=self._record,
            clock=self._clock,
        )
        self._session, self._playout, self._conversation = session, playout, conversation
        self.uplink.connect(session)
        return conversation

    async def finish_speaking(self) -> None:
        """Let the agent finish what it is saying; what the callers say is not heard any more."""
        self.uplink.connect(None)
        if self._conversation is None or self._playout is None:
            return
        await self._conversation.toolbox.finish()
        await self._playout.drained()

    async def say_goodbye(self, farewell: Farewell) -> None:
        """Let the agent take its leave, ahead of whatever is still being or to be said."""
        if self._conversation is None:
            return
        utterances = self._conversation.utterances
        now = SayBehaviour.INTERRUPT
        if farewell.text is not None:
            await utterances.say(farewell.text, tag=FAREWELL_TAG, behaviour=now)
        else:
            await utterances.prompt(farewell.prompt, tag=FAREWELL_TAG, behaviour=now)

    def fall_silent(self) -> None:
        """Give up what has not been played: the call ends here."""
        if self._conversation is not None:
            self._conversation.voice.break_off()

    async def measure(self) -> Measurement:
        """Return the totals, the network's fresh."""
        await self._refresh_network()
        return self.totals_so_far()

    def totals_so_far(self) -> Measurement:
        """Return the totals that can be had without waiting; the network's as last seen."""
        voice = self._conversation.voice if self._conversation else None
        return Measurement(
            at_s=self._clock.monotonic_s(),
            heard=self.uplink.meter.level,
            heard_ms=self.uplink.audio_ms,
            dropped_in_ms=self.uplink.dropped_ms,
            spoken=voice.meter.level if voice else Level(),
            playout=self._playout.counters if self._playout else PlayoutCounters(),
            network=self._network,
            model=self._session.counters() if self._session else ModelCounters(),
        )

    def telemetry(
        self, before: Measurement, after: Measurement, loop_lag_s: float
    ) -> CallTelemetry:
        """Return what two measurements say of the time between them."""
        view = self._record.view()
        voice = self._conversation.voice if self._conversation else None
        spoken_peak = voice.meter.peak_dbfs(before.spoken) if voice else FLOOR_DBFS
        return CallTelemetry(
            connection_id=self._spec.connection_id,
            tenant_id=self._spec.tenant_id,
            at=self._clock.now(),
            interval_s=after.at_s - before.at_s,
            state=view.state,
            agent_state=view.agent_state,
            uplink=DirectionTelemetry(
                level_dbfs=rms_dbfs(before.heard, after.heard),
                peak_dbfs=self.uplink.meter.peak_dbfs(before.heard),
                audio_ms=after.heard_ms - before.heard_ms,
                queue_ms=after.model.audio_queued_ms,
                dropped_ms=after.lost_in_ms - before.lost_in_ms,
            ),
            speakers=self.uplink.speakers,
            downlink=DirectionTelemetry(
                level_dbfs=rms_dbfs(before.spoken, after.spoken),
                peak_dbfs=spoken_peak,
                audio_ms=after.playout.received_ms - before.playout.received_ms,
                queue_ms=after.playout.buffered_ms + after.playout.queued_ms,
                dropped_ms=after.unplayed_ms - before.unplayed_ms,
            ),
            underruns=after.playout.underruns - before.playout.underruns,
            playout_position_ms=after.playout.played_ms,
            network=network_between(before.network, after.network),
            model_round_trip_ms=after.model.round_trip_ms,
            turn_latency_ms=_ms(self._record.turns.last_latency_s),
            first_audio_ms=_ms(self._record.turns.last_first_audio_s),
            loop_lag_s=loop_lag_s,
            usage=view.usage,
            cost=view.cost,
        )

    async def _refresh_network(self) -> None:
        if self._bot is None:
            return
        with suppress(TimeoutError, RoomError):
            async with self._clock.timeout(_STATS_S):
                self._network = await self._bot.network_stats()


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
