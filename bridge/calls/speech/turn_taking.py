"""What follows when callers speak and fall silent: the agent stops, pauses, goes on, or answers."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from bridge.calls.record import CallRecord
from bridge.calls.speech.interruptions import Fate, Interruptions, Step
from bridge.calls.speech.quiet import Quiet
from bridge.calls.speech.turn_control import TurnControl
from bridge.calls.speech.utterances import TURN_TAG, Utterances
from bridge.calls.speech.voice import Voice
from bridge.ports.call import AgentState
from bridge.ports.clock import Clock
from bridge.ports.event import InterruptionDismissed, TurnAwaitsResponse
from bridge.ports.model import ModelSession
from bridge.ports.model_event import ResponseStarted


@dataclass(frozen=True, slots=True)
class Around:
    """What is to be known and done outside of the conversation when somebody speaks."""

    spoken_s: Callable[[float], float]
    """For how long callers have been speaking since a moment of the monotonic clock."""
    interrupted: Callable[[], None]
    """A caller interrupts."""


class TurnTaking:
    """Carries out what rules and agent say of the callers' turns."""

    def __init__(
        self,
        *,
        session: ModelSession,
        voice: Voice,
        quiet: Quiet,
        control: TurnControl,
        utterances: Utterances,
        around: Around,
        record: CallRecord,
        clock: Clock,
    ) -> None:
        agent = record.view().spec.agent
        self._session = session
        self._voice = voice
        self._quiet = quiet
        self._control = control
        self._utterances = utterances
        self._around = around
        self._record = record
        self._clock = clock
        self._rules = Interruptions(agent.interruption, clock)
        self._item_id = ""  # what was said last
        self._began_s = 0.0
        self._paused_s = 0.0
        self._news = asyncio.Event()
        self._turns_ended = 0  # that we are to have answered
        self._turns_asked = 0
        self._turns_answered = 0
        self._owed = asyncio.Event()

    async def keep_time(self) -> None:
        """Carry out what time alone decides, until cancelled.

        :raises ModelError: the session is gone.
        """
        while True:
            due_s = self._rules.due_s
            self._news.clear()
            with suppress(TimeoutError):
                if due_s is None:
                    await self._news.wait()
                else:
                    async with self._clock.timeout(due_s - self._clock.monotonic_s()):
                        await self._news.wait()
            await self._look()

    async def ask_for_answers(self) -> None:
        """Have the model answer the turns that it does not answer by itself, until cancelled."""
        while True:
            await self._owed.wait()
            self._owed.clear()
            while self._is_owed():
                began = await self._utterances.follow_up(tag=TURN_TAG, is_wanted=self._is_owed)
                self._answered(self._turns_asked if began else self._turns_ended)

    async def began(self, item_id: str, began_s: float) -> None:
        """Somebody speaks.

        :raises ModelError: the session is gone.
        """
        self._item_id, self._began_s = item_id, began_s
        if self._control.is_interruptible:
            self._forget_what_is_over()
            await self._do(self._rules.began(item_id, agent_speaks=self._agent_works))
            self._news.set()
        if not self._agent_is_heard:
            self._record.agent_is(AgentState.LISTENING)

    async def ended(self, item_id: str) -> None:
        """Nobody speaks any more.

        :raises ModelError: the session is gone.
        """
        await self._look()
        match self._rules.ended(item_id):
            case Fate.ANSWER:
                self._answer(item_id)
            case Fate.DISMISS:
                self._dismissed(item_id, paused_s=0.0)
            case Fate.DOUBT:
                pass
        self._news.set()
        await self._control.settle()

    async def words(self, item_id: str, text: str, *, final: bool) -> None:
        """Take in what was said, as far as it is known.

        :raises ModelError: the session is gone.
        """
        was_nothing = final and not text.strip() and self._rules.is_in_doubt(item_id)
        step = self._rules.words(item_id, text, final=final)
        await self._do(step)
        if step is Step.STOP and not self._quiet.user_is_speaking:
            self._answer(item_id)
        if was_nothing:
            await self._session.delete(item_id)

    async def commit(self) -> None:
        """End the callers' turn, where turns are manual; it stops the agent, if it may.

        :raises ModelError: the session is gone.
        """
        if self._control.is_interruptible:
            await self._do(Step.STOP)
        await self._session.commit_turn()

    def committed(self, item_id: str) -> None:
        """A manual turn has ended."""
        self._answer(item_id)

    def on(self, event: ResponseStarted) -> None:
        """Take in that an answer begins: one that the model began by itself covers all turns."""
        if event.request_tag is None:
            self._answered(self._turns_ended)

    @property
    def _agent_works(self) -> bool:
        return self._voice.is_busy or self._record.agent_state is AgentState.TOOL

    @property
    def _agent_is_heard(self) -> bool:
        return self._record.agent_state is AgentState.SPEAKING

    async def _look(self) -> None:
        self._forget_what_is_over()
        spoken_s = self._around.spoken_s(self._began_s)
        await self._do(self._rules.look(spoken_s, agent_speaks=self._agent_works))

    def _forget_what_is_over(self) -> None:
        """Whoever stopped the voice has ended its pause, too."""
        if self._rules.is_paused and not self._voice.is_paused:
            self._rules.forget()

    async def _do(self, step: Step) -> None:
        match step:
            case Step.STOP:
                self._around.interrupted()
                await self._voice.stop(cancel=not self._control.model_stops)
            case Step.PAUSE:
                self._paused_s = self._clock.monotonic_s()
                self._voice.pause()
            case Step.RESUME:
                self._voice.resume()
                self._dismissed(self._item_id, self._clock.monotonic_s() - self._paused_s)
            case Step.GO_ON:
                pass

    def _dismissed(self, item_id: str, paused_s: float) -> None:
        self._record.turns.user_dismissed(item_id)
        self._record.tell(InterruptionDismissed(item_id, paused_s))

    def _answer(self, item_id: str) -> None:
        if not self._control.agent_answers:
            self._record.tell(TurnAwaitsResponse(item_id))
            if not self._agent_is_heard:
                self._record.agent_is(AgentState.LISTENING)
            return
        if self._control.model_answers:
            self._quiet.answer_due()
        else:
            self._turns_ended += 1
            self._quiet.answer_owed(True)
            self._owed.set()
        if not self._agent_is_heard:
            self._record.agent_is(AgentState.THINKING)

    def _is_owed(self) -> bool:
        self._turns_asked = self._turns_ended
        return self._turns_answered < self._turns_ended

    def _answered(self, turns: int) -> None:
        self._turns_answered = max(self._turns_answered, turns)
        self._quiet.answer_owed(self._turns_answered < self._turns_ended)
