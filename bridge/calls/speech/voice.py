"""The agent's voice: what of it the callers hear, and how it is stopped."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from bridge.calls.record import CallRecord
from bridge.calls.speech.airtime import Airtime
from bridge.calls.speech.delivery import Deliveries, Outcome
from bridge.calls.speech.echo_guard import EchoGuard
from bridge.calls.speech.quiet import Quiet
from bridge.calls.speech.spoken import SpokenWords
from bridge.ids import bot_identity_for
from bridge.media.ledger import ItemPlayed
from bridge.media.level import LevelMeter
from bridge.media.playout import Playout
from bridge.pcm import MODEL_RATE_HZ, ROOM_RATE_HZ, duration_ms
from bridge.ports.call import AgentState
from bridge.ports.clock import Clock
from bridge.ports.event import Interruption, Transcript
from bridge.ports.model import ModelSession
from bridge.ports.model_event import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    ResponseDone,
)
from bridge.ports.room import AudioOutput


class Voice:
    """Plays the model's answers to the room. One task runs `play`, another `fall_silent`."""

    def __init__(
        self,
        *,
        session: ModelSession,
        output: AudioOutput,
        playout: Playout,
        quiet: Quiet,
        echo_guard: EchoGuard,
        record: CallRecord,
        clock: Clock,
    ) -> None:
        self._session = session
        self._output = output
        self._playout = playout
        self._quiet = quiet
        self._echo_guard = echo_guard
        self._record = record
        self._turns = record.turns
        self._clock = clock
        self._speaker = bot_identity_for(record.view().spec.connection_id)
        self._spoken = SpokenWords(clock)
        self._airtime = Airtime()
        self._deliveries = Deliveries()
        self._unheard_ms: dict[str, float] = {}
        self._response_id: str | None = None
        self._item_of_response: str | None = None
        self._silenced_response: str | None = None
        self._interruptions = 0
        self.meter = LevelMeter(ROOM_RATE_HZ)
        self.muted = False
        """The room hears silence in place of the agent, whose time goes on."""

    @property
    def interruptions(self) -> int:
        return self._interruptions

    @property
    def is_busy(self) -> bool:
        """Return whether an answer is made, or some of it is not heard yet."""
        return self._response_id is not None or bool(self._unheard_ms)

    @property
    def is_paused(self) -> bool:
        return self._playout.is_paused

    async def play(self) -> None:
        """Write the voice to the room, until cancelled.

        :raises RoomError: the track is gone.
        """
        audible: str | None = None
        while True:
            frame = await self._playout.next_frame()
            item_id = self._playout.writing_item_id
            heard_at_s = self._clock.monotonic_s() + self._output.queued_ms / 1000
            if item_id != audible:
                audible = item_id
                self._became_audible(item_id, heard_at_s)
            if self.muted:
                frame = memoryview(bytes(len(frame)))
            self.meter.push(frame)
            frame_s = duration_ms(len(frame), ROOM_RATE_HZ) / 1000
            self._airtime.wrote(item_id, heard_at_s, frame_s)
            self._echo_guard.plays(heard_at_s, frame_s)
            await self._output.write(frame)
            if self._spoken.is_due():
                self._tell_heard()

    async def fall_silent(self) -> None:
        """Tell whenever the agent has finished speaking, until cancelled."""
        while True:
            await self._playout.filled()
            await self._playout.drained()
            self._heard_out()

    async def outcome(self, response_id: str) -> Outcome:
        """Wait until a response that has begun is heard to its end, or cut off."""
        return await self._deliveries.outcome(response_id)

    def begin(self, response_id: str) -> None:
        """An answer begins."""
        self._response_id, self._item_of_response = response_id, None
        self._deliveries.began(response_id)

    def end(self, done: ResponseDone) -> None:
        """An answer has no more to say; what is left of its sound is still played."""
        self._response_id = None
        self._turns.cost(self._item_of_response, done.tokens)
        self._deliveries.ended(done, self._playout.progress())
        if not self._unheard_ms:
            self._record.agent_rests()

    def take(self, event: AudioDelta | AudioDone | AgentTextDelta | AgentTextDone) -> None:
        """Take sound and words of the answer."""
        match event:
            case AudioDelta():
                self._take_sound(event)
            case AudioDone(_, item_id, content_index):
                self._playout.finish(item_id, content_index)
                self._spoken.sound_ended(item_id)
            case _ if self._is_unheard(event.item_id):
                pass
            case AgentTextDelta(item_id, part, text):
                self._spoken.grow(item_id, part, text)
            case AgentTextDone(item_id, part, text):
                self._spoken.finish(item_id, part, text)
                self._tell_heard()

    def pause(self) -> None:
        """Fall silent at once, to `resume` where it was."""
        self._playout.pause()
        self._airtime.cut(self._clock.monotonic_s())
        self._record.agent_is(AgentState.LISTENING)

    def resume(self) -> None:
        """Go on after `pause`; where the voice was stopped meanwhile, nothing happens."""
        if self._playout.is_paused:
            self._playout.resume()
            if self._unheard_ms:
                self._record.agent_is(AgentState.SPEAKING)

    async def stop(self, *, cancel: bool = False) -> None:
        """Barge-in: silence first, then tell the model what was really heard.

        :param cancel: also have the model stop what it still makes of it.
        :raises ModelError: the session is gone; the voice is silent nevertheless.
        """
        began_s = self._clock.monotonic_s()
        unplayed = self._playout.clear()
        stop_latency_s = self._clock.monotonic_s() - began_s
        self._airtime.cut(began_s)
        self._silenced_response = self._response_id
        cut_off = {item.item_id for item in unplayed}
        heard = self._tell_words(self._spoken.cut(unplayed), cut_off)
        self._deliveries.heard(unplayed)
        self._deliveries.cut()
        if unplayed:
            self._interruptions += 1
            first = unplayed[0]
            self._record.tell(
                Interruption(
                    first.item_id,
                    int(first.played_ms),
                    int(first.received_ms),
                    stop_latency_s,
                    heard.get(first.item_id, ""),
                )
            )
            self._account_for(unplayed, interrupted=True)
        self._record.agent_is(AgentState.LISTENING)
        if cancel and self._response_id is not None:
            await self._session.cancel(self._response_id)
        for item in unplayed:
            if item.played_ms >= 1:
                await self._session.truncate(item.item_id, item.content_index, int(item.played_ms))
            else:
                await self._session.delete(item.item_id)

    def break_off(self) -> None:
        """Stop for good; what was played of the last words counts as heard."""
        self._silenced_response = self._response_id
        unplayed = self._playout.clear()
        self._airtime.cut(self._clock.monotonic_s())
        self._tell_words(self._spoken.cut(unplayed, for_good=True))
        self._deliveries.cut()
        self._account_for(unplayed, interrupted=False)

    def _take_sound(self, event: AudioDelta) -> None:
        if event.response_id == self._silenced_response:
            return
        self._quiet.agent_speaks(True)
        self._item_of_response = event.item_id
        self._deliveries.sounded(event.response_id, event.item_id)
        self._turns.agent_audio_arrived(event.item_id)
        sound_ms = duration_ms(len(event.pcm), MODEL_RATE_HZ)
        self._unheard_ms[event.item_id] = self._unheard_ms.get(event.item_id, 0.0) + sound_ms
        self._spoken.sound_arrived(event.item_id, sound_ms)
        self._playout.push(event.item_id, event.content_index, event.pcm)

    def _is_unheard(self, item_id: str) -> bool:
        """Return whether an item is of a response that was silenced before it began."""
        if self._response_id is None or self._spoken.knows(item_id):
            return False
        return self._response_id == self._silenced_response

    def _tell_heard(self) -> None:
        unplayed = self._playout.progress()
        self._tell_words(self._spoken.release(unplayed))
        self._deliveries.heard(unplayed)

    def _tell_words(
        self, told: Iterable[Transcript], cut_off: Collection[str] = ()
    ) -> dict[str, str]:
        """Tell what was heard, with when and by whom; return the final texts, by item."""
        texts: dict[str, str] = {}
        for words in told:
            if words.final:
                texts[words.item_id] = words.text
                self._turns.agent_said(words.item_id, words.text)
            self._record.tell(self._placed(words, interrupted=words.item_id in cut_off))
        return texts

    def _placed(self, words: Transcript, *, interrupted: bool) -> Transcript:
        airing = self._airtime.of(words.item_id)
        if airing is None:
            return replace(words, speaker=self._speaker)
        return replace(
            words,
            speaker=self._speaker,
            start_offset_s=self._record.offset_s(airing.start_s),
            end_offset_s=self._record.offset_s(airing.end_s) if words.final else None,
            interrupted=interrupted,
        )

    def _account_for(self, unplayed: tuple[ItemPlayed, ...], *, interrupted: bool) -> None:
        for item in unplayed:
            self._unheard_ms.pop(item.item_id, None)
            self._turns.agent_was_heard(item.item_id, item.played_ms, interrupted=interrupted)
        self._account_for_heard()

    def _account_for_heard(self) -> None:
        for item_id, received_ms in self._unheard_ms.items():
            self._turns.agent_was_heard(item_id, received_ms, interrupted=False)
        self._unheard_ms.clear()
        self._quiet.agent_speaks(False)

    def _became_audible(self, item_id: str, at_s: float) -> None:
        round_trip_s = (self._session.counters().round_trip_ms or 0.0) / 1000
        measured = self._turns.agent_became_audible(item_id, at_s, round_trip_s)
        if measured is not None:
            self._record.tell(measured)
        self._record.agent_audible()
        self._record.active()
        self._record.agent_is(AgentState.SPEAKING)

    def _heard_out(self) -> None:
        self._account_for_heard()
        self._tell_heard()
        if self._response_id is None:  # words that did not come by now will not come
            self._tell_words(self._spoken.cut((), for_good=True))
        if self._response_id is None and self._record.agent_state is AgentState.SPEAKING:
            self._record.agent_rests()
