"""What the model says and hears, event by event, and whose business each is."""

from collections.abc import Callable
from typing import Final

from bridge.calls.quiet import Quiet
from bridge.calls.record import CallRecord
from bridge.calls.toolbox import Toolbox, ToolServices
from bridge.calls.transcripts import Transcripts
from bridge.calls.utterances import Utterances
from bridge.calls.voice import Voice
from bridge.ids import Identity
from bridge.media.playout import Playout
from bridge.ports.agent import Greeting, PromptGreeting, SayGreeting, UserFirst
from bridge.ports.call import AgentState
from bridge.ports.clock import Clock
from bridge.ports.event import LinkState, ResponseBegan, ResponseFinished, UserSpeech
from bridge.ports.model import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    ConfigChange,
    ContextItem,
    ModelEvent,
    ModelSession,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ServerVad,
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
        loudest: Callable[[], Identity | None],
        tools: ToolServices,
        record: CallRecord,
        clock: Clock,
    ) -> None:
        self._session = session
        self._config = record.view().spec.agent.model
        self._loudest = loudest
        self._record = record
        self._turns = record.turns
        self._clock = clock
        self._transcripts = Transcripts(clock)
        self.quiet = Quiet(clock)
        self.voice = Voice(
            session=session,
            output=output,
            playout=playout,
            quiet=self.quiet,
            record=record,
            clock=clock,
        )
        self.utterances = Utterances(session, self.voice, self.quiet, clock)
        self.toolbox = Toolbox(
            session=session,
            utterances=self.utterances,
            quiet=self.quiet,
            services=tools,
            record=record,
            clock=clock,
        )

    async def greet(self, greeting: Greeting) -> None:
        """Greet, and return once the greeting is over."""
        match greeting:
            case SayGreeting(text):
                await self.utterances.say(text, tag=GREETING_TAG)
            case PromptGreeting(prompt):
                await self.utterances.prompt(prompt, tag=GREETING_TAG)
            case UserFirst():
                self._record.agent_is(AgentState.LISTENING)

    async def add_context(self, item: ContextItem) -> None:
        """
        :raises ModelError: the session is gone.
        """
        await self._session.add_context(item)

    async def update(self, change: ConfigChange) -> None:
        """
        :raises ModelError: the session is gone.
        """
        await self._session.update(change)

    async def listen(self) -> None:
        """Take what the model says, until its session is closed by us.

        :raises ModelError: the session ended otherwise.
        """
        async with self.toolbox:
            async for event in self._session.events():
                await self._on(event)
                self.utterances.on(event)
                self.toolbox.on(event)

    async def _on(self, event: ModelEvent) -> None:
        match event:
            case AudioDelta() | AudioDone() | AgentTextDelta() | AgentTextDone():
                self.voice.take(event)
            case SpeechStarted():
                await self._on_speech_started(event)
            case SpeechStopped():
                self._on_speech_stopped(event)
            case UserTextDelta() | UserTextDone():
                self._on_user_words(event)
            case ResponseStarted():
                self._on_response_started(event)
            case ResponseDone():
                self._on_response_done(event)
            case ModelWarning(code, message):
                self._record.warn(code, message)
            case SessionInterrupted() | SessionResumed() | SessionRotated():
                self._on_connection(event)
            case _:
                pass

    async def _on_speech_started(self, event: SpeechStarted) -> None:
        self.quiet.user_began()
        self._turns.user_began(event.item_id)
        self._record.active()
        speaker = self._loudest()
        self._transcripts.began(event.item_id, speaker, self._began_at_s(event))
        self._record.tell(UserSpeech(True, speaker, event.item_id))
        if self._config.interruptible:
            self.toolbox.interrupted()
            await self.voice.stop()
        elif self._record.agent_state is not AgentState.SPEAKING:
            self._record.agent_is(AgentState.LISTENING)

    def _on_speech_stopped(self, event: SpeechStopped) -> None:
        self.quiet.user_stopped()
        self._turns.user_stopped()
        self._record.active()
        speaker = self._loudest()
        self._transcripts.stopped(event.item_id, speaker, self._stopped_at_s(event))
        self._record.tell(UserSpeech(False, speaker, event.item_id))
        if self._record.agent_state is not AgentState.SPEAKING:
            self._record.agent_is(AgentState.THINKING)

    def _began_at_s(self, event: SpeechStarted) -> float:
        """Return when the first sound of it was said, from the call's creation."""
        vad = self._config.turn_detection
        padding_ms = vad.prefix_padding_ms if isinstance(vad, ServerVad) else 0
        return self._offset_s(event.at_s, padding_ms)

    def _stopped_at_s(self, event: SpeechStopped) -> float:
        """Return when the last sound of it was said, from the call's creation."""
        vad = self._config.turn_detection
        silence_ms = vad.silence_duration_ms if isinstance(vad, ServerVad) else 0
        return self._offset_s(event.at_s, -silence_ms)

    def _offset_s(self, at_s: float | None, later_ms: float) -> float:
        now_s = self._clock.monotonic_s()
        return self._record.offset_s(min(now_s, now_s if at_s is None else at_s + later_ms / 1000))

    def _on_user_words(self, event: UserTextDelta | UserTextDone) -> None:
        match event:
            case UserTextDelta(item_id, text):
                told = self._transcripts.grow(item_id, text)
                if told is not None:
                    self._record.tell(told)
            case UserTextDone(item_id, text, confidence):
                self._record.tell(self._transcripts.finish(item_id, text, confidence))
                self._turns.user_said(item_id, text)

    def _on_response_started(self, event: ResponseStarted) -> None:
        self.quiet.response_began(event.response_id)
        self.voice.begin(event.response_id)
        self._record.tell(ResponseBegan(event.response_id, event.request_tag == GREETING_TAG))
        self._record.agent_is(AgentState.THINKING)

    def _on_response_done(self, event: ResponseDone) -> None:
        self._record.used(event.tokens)
        self._record.tell(
            ResponseFinished(event.response_id, event.status, event.tokens, event.detail)
        )
        self.voice.end(event)
        self.quiet.response_over(event.response_id)

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
