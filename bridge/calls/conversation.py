"""What the model says and hears, event by event, and whose business each is."""

from dataclasses import replace
from typing import Final

from bridge.calls.record import CallRecord
from bridge.calls.speech.ears import Deaf, Ears
from bridge.calls.speech.echo_guard import EchoGuard
from bridge.calls.speech.quiet import Quiet
from bridge.calls.speech.transcripts import Transcripts
from bridge.calls.speech.turn_control import TurnControl
from bridge.calls.speech.turn_taking import Around, TurnTaking
from bridge.calls.speech.utterances import Utterances
from bridge.calls.speech.voice import Voice
from bridge.calls.tools.toolbox import Toolbox, ToolServices
from bridge.media.playout import Playout
from bridge.ports.agent import (
    Greeting,
    PromptGreeting,
    SayGreeting,
    TurnsChange,
    UserFirst,
)
from bridge.ports.call import AgentState
from bridge.ports.clock import Clock
from bridge.ports.event import LinkState, ResponseBegan, ResponseFinished, Resumption, UserSpeech
from bridge.ports.model import ModelSession
from bridge.ports.model_config import ConfigChange, ContextItem, ServerVad
from bridge.ports.model_event import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    ModelEvent,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    SessionInterrupted,
    SessionResumed,
    SessionRotated,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
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
        ears: Ears,
        tools: ToolServices,
        record: CallRecord,
        clock: Clock,
    ) -> None:
        agent = record.view().spec.agent
        self._session = session
        self._ears = ears
        self._record = record
        self._clock = clock
        self._transcripts = Transcripts(clock)
        self.quiet = Quiet(clock)
        self.voice = Voice(
            session=session,
            output=output,
            playout=playout,
            quiet=self.quiet,
            echo_guard=EchoGuard(ears.gate, agent.interruption.echo_guard_s),
            record=record,
            clock=clock,
        )
        self.control = TurnControl(agent, session, self.quiet)
        self.utterances = Utterances(session, self.voice, self.quiet, self.control, clock)
        self.toolbox = Toolbox(
            session=session,
            utterances=self.utterances,
            quiet=self.quiet,
            services=tools,
            record=record,
            clock=clock,
        )

        self.turns = TurnTaking(
            session=session,
            voice=self.voice,
            quiet=self.quiet,
            control=self.control,
            utterances=self.utterances,
            around=Around(ears.spoken_s, self.toolbox.interrupted),
            record=record,
            clock=clock,
        )

        match agent.greeting:
            case SayGreeting(manner=manner) | PromptGreeting(manner=manner) if manner.guard:
                ears.gate.close(Deaf.GREETING)

    async def greet(self, greeting: Greeting) -> None:
        """Greet somebody who can hear it, and return once the greeting is over."""
        if isinstance(greeting, UserFirst):
            self._record.agent_is(AgentState.LISTENING)
            return
        manner = greeting.manner
        try:
            await self._clock.sleep(manner.delay_s)
            match greeting:
                case SayGreeting(text):
                    await self.utterances.say(
                        text, tag=GREETING_TAG, interruptible=manner.interruptible
                    )
                case PromptGreeting(prompt):
                    await self.utterances.prompt(
                        prompt, tag=GREETING_TAG, interruptible=manner.interruptible
                    )
        finally:
            self._ears.gate.open(Deaf.GREETING)

    async def add_context(self, item: ContextItem) -> None:
        """
        :raises ModelError: the session is gone.
        """
        await self._session.add_context(item)

    async def update(self, change: ConfigChange, turns: TurnsChange | None = None) -> None:
        """
        :raises ModelError: the session is gone.
        """
        if turns is not None:
            of_turns = self.control.changed(turns)
            change = replace(
                change,
                turn_detection=of_turns.turn_detection,
                create_response=of_turns.create_response,
            )
        if change.tools is not None:
            self.toolbox.offer(change.tools)
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
                await self._on_speech_stopped(event)
            case TurnCommitted(item_id) if self.control.is_manual:
                self._on_turn_committed(item_id)
            case UserTextDelta() | UserTextDone():
                await self._on_user_words(event)
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
        speaker, began_s = self._ears.loudest(), self._began_s(event)
        self._record.turns.user_began(event.item_id, began_s)
        self._record.active()
        self._transcripts.began(event.item_id, speaker, self._record.offset_s(began_s))
        self._record.tell(UserSpeech(True, speaker, event.item_id))
        await self.turns.began(event.item_id, began_s)

    async def _on_speech_stopped(self, event: SpeechStopped) -> None:
        self.quiet.user_stopped()
        speaker, stopped_s = self._ears.loudest(), self._stopped_s(event)
        self._record.turns.user_stopped(stopped_s)
        self._record.active()
        self._transcripts.stopped(event.item_id, speaker, self._record.offset_s(stopped_s))
        self._record.tell(UserSpeech(False, speaker, event.item_id))
        await self.turns.ended(event.item_id)

    def _on_turn_committed(self, item_id: str) -> None:
        """Nobody has told when the speech in it began and ended."""
        now_s = self._clock.monotonic_s()
        self._record.turns.user_began(item_id, now_s)
        self._record.turns.user_stopped(now_s)
        self._record.active()
        offset_s = self._record.offset_s(now_s)
        self._transcripts.stopped(item_id, self._ears.loudest(), offset_s)
        self.turns.committed(item_id)

    def _began_s(self, event: SpeechStarted) -> float:
        """Return when the first sound of it was said, on the monotonic clock."""
        vad = self.control.detection
        padding_ms = vad.prefix_padding_ms if isinstance(vad, ServerVad) else 0
        return self._not_later_s(event.at_s, padding_ms)

    def _stopped_s(self, event: SpeechStopped) -> float:
        """Return when the last sound of it was said, on the monotonic clock."""
        vad = self.control.detection
        silence_ms = vad.silence_duration_ms if isinstance(vad, ServerVad) else 0
        return self._not_later_s(event.at_s, -silence_ms)

    def _not_later_s(self, at_s: float | None, shift_ms: float) -> float:
        now_s = self._clock.monotonic_s()
        return now_s if at_s is None else min(now_s, at_s + shift_ms / 1000)

    async def _on_user_words(self, event: UserTextDelta | UserTextDone) -> None:
        match event:
            case UserTextDelta(item_id, text):
                told = self._transcripts.grow(item_id, text)
                if told is not None:
                    self._record.tell(told)
                await self.turns.words(item_id, text, final=False)
            case UserTextDone(item_id, text, confidence, usage):
                self._record.transcribed(item_id, usage)
                self._record.tell(self._transcripts.finish(item_id, text, confidence))
                self._record.turns.user_said(item_id, text)
                await self.turns.words(item_id, text, final=True)

    def _on_response_started(self, event: ResponseStarted) -> None:
        self.quiet.response_began(event.response_id)
        self.voice.begin(event.response_id)
        self.turns.on(event)
        asked_s = None if event.request_tag is None else self.utterances.asked_s
        self._record.turns.answer_began(asked_s)
        self._record.tell(ResponseBegan(event.response_id, event.request_tag == GREETING_TAG))
        self._record.agent_is(AgentState.THINKING)

    def _on_response_done(self, event: ResponseDone) -> None:
        self._record.used(event.tokens)
        self._record.tell(
            ResponseFinished(
                event.response_id,
                event.status,
                event.tokens,
                event.detail,
                self._record.cost_of(event.tokens),
            )
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
            case SessionResumed(session_id, gap_ms, lost_audio_ms, replayed):
                resumption = Resumption(gap_ms / 1000, lost_audio_ms / 1000, replayed)
                self._record.model_is(LinkState.RESUMED, session_id, resumption)
                self._record.warn(
                    MODEL_INTERRUPTED,
                    f"no model for {gap_ms:.0f} ms; {lost_audio_ms:.0f} ms of callers' audio lost",
                )
            case SessionRotated(session_id, replayed):
                resumption = Resumption(0.0, 0.0, replayed)
                self._record.model_is(LinkState.RESUMED, session_id, resumption)
