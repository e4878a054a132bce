"""What the model says and hears, and what that means: turns, playout, barge-in, agent state."""

from collections.abc import Callable, Iterable
from typing import Final

from bridge.calls.record import CallRecord
from bridge.calls.spoken import SpokenWords
from bridge.calls.transcripts import Transcripts
from bridge.ids import Identity
from bridge.media.ledger import ItemPlayed
from bridge.media.level import LevelMeter
from bridge.media.playout import Playout
from bridge.pcm import MODEL_RATE_HZ, ROOM_RATE_HZ, duration_ms
from bridge.ports.agent import Greeting, PromptGreeting, SayGreeting, UserFirst
from bridge.ports.call import AgentState
from bridge.ports.clock import Clock
from bridge.ports.event import (
    Interruption,
    LinkState,
    ResponseBegan,
    ResponseFinished,
    Role,
    Transcript,
    UserSpeech,
)
from bridge.ports.model import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    ModelEvent,
    ModelSession,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    SessionInterrupted,
    SessionResumed,
    SessionRotated,
    SpeechStarted,
    SpeechStopped,
    UserTextDelta,
    UserTextDone,
)
from bridge.ports.room import AudioOutput

GREETING_TAG: Final = "greeting"
MODEL_INTERRUPTED: Final = "model_interrupted"


class Conversation:
    """One call's talk with one model session. Media goes through it, but decides nothing."""

    def __init__(
        self,
        *,
        session: ModelSession,
        output: AudioOutput,
        playout: Playout,
        interruptible: bool,
        loudest: Callable[[], Identity | None],
        record: CallRecord,
        clock: Clock,
    ) -> None:
        self._session = session
        self._output = output
        self._playout = playout
        self._interruptible = interruptible
        self._loudest = loudest
        self._record = record
        self._turns = record.turns
        self._clock = clock
        self._transcripts = Transcripts(clock)
        self._spoken = SpokenWords(clock)
        self._unheard_ms: dict[str, float] = {}
        self._response_id: str | None = None
        self._item_of_response: str | None = None
        self._silenced_response: str | None = None
        self._interruptions = 0
        self.meter = LevelMeter(ROOM_RATE_HZ)

    @property
    def interruptions(self) -> int:
        return self._interruptions

    async def greet(self, greeting: Greeting) -> None:
        """
        :raises ModelError: the session is gone.
        """
        match greeting:
            case SayGreeting(text):
                await self._session.respond(tag=GREETING_TAG, say=text)
            case PromptGreeting(prompt):
                await self._session.respond(tag=GREETING_TAG, instructions=prompt)
            case UserFirst():
                self._record.agent_is(AgentState.LISTENING)

    async def listen(self) -> None:
        """Take what the model says, until its session is closed by us.

        :raises ModelError: the session ended otherwise.
        """
        async for event in self._session.events():
            await self._on(event)

    async def play(self) -> None:
        """Write the agent's voice to the room, until cancelled.

        :raises RoomError: the track is gone.
        """
        audible: str | None = None
        while True:
            frame = await self._playout.next_frame()
            item_id = self._playout.writing_item_id
            if item_id != audible:
                audible = item_id
                self._became_audible(item_id)
            self.meter.push(frame)
            await self._output.write(frame)
            if self._spoken.is_due():
                self._tell_heard()

    async def fall_silent(self) -> None:
        """Tell whenever the agent has finished speaking, until cancelled."""
        while True:
            await self._playout.filled()
            await self._playout.drained()
            self._heard_out()

    def break_off(self) -> None:
        """Stop for good; what was played of the last words counts as heard."""
        self._silenced_response = self._response_id
        unplayed = self._playout.clear()
        self._tell_words(self._spoken.cut(unplayed, for_good=True))
        for item in unplayed:
            self._unheard_ms.pop(item.item_id, None)
            self._turns.agent_was_heard(item.item_id, item.played_ms, interrupted=False)
        self._account_for_heard()

    async def _on(self, event: ModelEvent) -> None:
        match event:
            case AudioDelta():
                self._on_audio(event)
            case AudioDone(_, item_id, content_index):
                self._playout.finish(item_id, content_index)
                self._spoken.sound_ended(item_id)
            case SpeechStarted():
                await self._on_speech_started(event)
            case SpeechStopped():
                self._on_speech_stopped(event)
            case ResponseStarted(response_id, tag):
                self._response_id, self._item_of_response = response_id, None
                self._record.tell(ResponseBegan(response_id, tag == GREETING_TAG))
                self._record.agent_is(AgentState.THINKING)
            case ResponseDone():
                self._on_response_done(event)
            case ModelWarning(code, message):
                self._record.warn(code, message)
            case SessionInterrupted() | SessionResumed() | SessionRotated():
                self._on_connection(event)
            case _:
                self._on_words(event)

    def _on_audio(self, event: AudioDelta) -> None:
        if event.response_id == self._silenced_response:
            return
        self._item_of_response = event.item_id
        self._turns.agent_audio_arrived(event.item_id)
        sound_ms = duration_ms(len(event.pcm), MODEL_RATE_HZ)
        self._unheard_ms[event.item_id] = self._unheard_ms.get(event.item_id, 0.0) + sound_ms
        self._spoken.sound_arrived(event.item_id, sound_ms)
        self._playout.push(event.item_id, event.content_index, event.pcm)

    async def _on_speech_started(self, event: SpeechStarted) -> None:
        self._turns.user_began(event.item_id)
        self._record.active()
        self._record.tell(UserSpeech(True, self._loudest(), event.item_id))
        if self._interruptible:
            await self._stop_speaking()
        elif self._record.agent_state is not AgentState.SPEAKING:
            self._record.agent_is(AgentState.LISTENING)

    def _on_speech_stopped(self, event: SpeechStopped) -> None:
        self._turns.user_stopped()
        self._record.active()
        self._record.tell(UserSpeech(False, self._loudest(), event.item_id))
        if self._record.agent_state is not AgentState.SPEAKING:
            self._record.agent_is(AgentState.THINKING)

    def _on_response_done(self, event: ResponseDone) -> None:
        self._response_id = None
        self._record.used(event.tokens)
        self._turns.cost(self._item_of_response, event.tokens)
        self._record.tell(
            ResponseFinished(event.response_id, event.status, event.tokens, event.detail)
        )
        if not self._unheard_ms:
            self._record.agent_is(AgentState.LISTENING)

    def _on_connection(self, event: SessionInterrupted | SessionResumed | SessionRotated) -> None:
        match event:
            case SessionInterrupted(session_id):
                self._record.model_is(LinkState.INTERRUPTED, session_id)
                # What was asked or being said is over; what has arrived is still played.
                if self._record.agent_state is AgentState.THINKING:
                    self._record.agent_is(AgentState.LISTENING)
            case SessionResumed(session_id, gap_ms, lost_audio_ms):
                self._record.model_is(LinkState.RESUMED, session_id)
                self._record.warn(
                    MODEL_INTERRUPTED,
                    f"no model for {gap_ms:.0f} ms; {lost_audio_ms:.0f} ms of callers' audio lost",
                )
            case SessionRotated(session_id):
                self._record.model_is(LinkState.RESUMED, session_id)

    def _on_words(self, event: ModelEvent) -> None:
        told: Transcript | None = None
        match event:
            case AgentTextDelta(item_id) | AgentTextDone(item_id) if self._is_unheard(item_id):
                pass
            case AgentTextDelta(item_id, part, text):
                self._spoken.grow(item_id, part, text)
            case AgentTextDone(item_id, part, text):
                self._spoken.finish(item_id, part, text)
                self._tell_heard()
            case UserTextDelta(item_id, text):
                told = self._transcripts.grow(Role.USER, item_id, text)
            case UserTextDone(item_id, text):
                told = self._transcripts.finish(Role.USER, item_id, text)
                self._turns.user_said(item_id, text)
        if told is not None:
            self._record.tell(told)

    def _is_unheard(self, item_id: str) -> bool:
        """Return whether an item is of a response that was silenced before it began."""
        if self._response_id is None or self._spoken.knows(item_id):
            return False
        return self._response_id == self._silenced_response

    def _tell_heard(self) -> None:
        self._tell_words(self._spoken.release(self._playout.progress()))

    def _tell_words(self, told: Iterable[Transcript]) -> None:
        for words in told:
            if words.final:
                self._turns.agent_said(words.item_id, words.text)
            self._record.tell(words)

    async def _stop_speaking(self) -> None:
        """Barge-in: silence first, then tell the model what was really heard."""
        began_s = self._clock.monotonic_s()
        unplayed = self._playout.clear()
        stop_latency_s = self._clock.monotonic_s() - began_s
        self._silenced_response = self._response_id
        self._tell_words(self._spoken.cut(unplayed))
        if not unplayed:
            self._record.agent_is(AgentState.LISTENING)
            return
        self._interruptions += 1
        first = unplayed[0]
        self._record.tell(
            Interruption(
                first.item_id, int(first.played_ms), int(first.received_ms), stop_latency_s
            )
        )
        self._account_for(unplayed)
        self._record.agent_is(AgentState.LISTENING)
        for item in unplayed:
            if item.played_ms >= 1:
                await self._session.truncate(item.item_id, item.content_index, int(item.played_ms))
            else:
                await self._session.delete(item.item_id)

    def _account_for(self, unplayed: tuple[ItemPlayed, ...]) -> None:
        for item in unplayed:
            self._unheard_ms.pop(item.item_id, None)
            self._turns.agent_was_heard(item.item_id, item.played_ms, interrupted=True)
        self._account_for_heard()

    def _account_for_heard(self) -> None:
        for item_id, received_ms in self._unheard_ms.items():
            self._turns.agent_was_heard(item_id, received_ms, interrupted=False)
        self._unheard_ms.clear()

    def _became_audible(self, item_id: str) -> None:
        self._turns.agent_became_audible(item_id)
        self._record.agent_audible()
        self._record.active()
        self._record.agent_is(AgentState.SPEAKING)

    def _heard_out(self) -> None:
        self._account_for_heard()
        self._tell_heard()
        if self._response_id is None:  # words that did not come by now will not come
            self._tell_words(self._spoken.cut((), for_good=True))
        if self._response_id is None and self._record.agent_state is AgentState.SPEAKING:
            self._record.agent_is(AgentState.LISTENING)
