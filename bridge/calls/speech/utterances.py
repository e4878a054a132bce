"""What the bridge itself wants the agent to say: in which order, when, and what became of it.

The greeting, a gateway's words, silence steps, notices, fillers and farewells all come through
here, so that they never talk over each other or over an answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bridge.calls.speech.delivery import Outcome
from bridge.calls.speech.quiet import Quiet
from bridge.calls.speech.turn_control import TurnControl
from bridge.calls.speech.voice import Voice
from bridge.errors import ModelError
from bridge.ports.clock import Clock
from bridge.ports.control import SayBehaviour
from bridge.ports.model import ModelSession
from bridge.ports.model_event import (
    SESSION_INTERRUPTED,
    ModelEvent,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
)

# Whoever speaks longer than this without a pause is not waited for.
WAITS_AT_MOST_S: Final = 60.0
MAX_WAITING: Final = 16

TURN_TAG: Final = "turn"
"""Of answers to what callers said, where the model is asked for them."""

# The model's connection may be lost meanwhile, and be made anew for 10 s.
_BEGINS_WITHIN_S: Final = 20.0
# The longest answer there is takes 205 s to be heard.
_HEARD_WITHIN_S: Final = 240.0
# How long an answer that is cancelled may take to end.
_CANCELLED_WITHIN_S: Final = 2.0
# After a refusal, the answer that was in the way makes itself known within this time.
_AGAIN_S: Final = 0.25
# The model may begin an answer of its own at the very moment of being asked.
_TRIES: Final = 3


@dataclass(slots=True, eq=False)
class _Utterance:
    tag: str
    say: str | None = field(default=None, repr=False)
    instructions: str | None = field(default=None, repr=False)
    interruptible: bool = True
    response_id: str | None = None
    refusal: Outcome | None = None
    """Why it was never begun."""
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    """It has begun, or never will."""

    def turn_down(self, refusal: Outcome) -> None:
        self.refusal = refusal
        self.decided.set()


class Utterances:
    """Says one thing at a time. Several tasks may use it at once.

    At most MAX_WAITING utterances wait for quiet; one more is refused. Each comes to an outcome in
    bounded time, also while the model's connection is being made anew. Whoever cancels the wait
    gives up the place in the queue, but what is being said already goes on.
    """

    def __init__(
        self,
        session: ModelSession,
        voice: Voice,
        quiet: Quiet,
        control: TurnControl,
        clock: Clock,
    ) -> None:
        self._session = session
        self._control = control
        self._voice = voice
        self._quiet = quiet
        self._clock = clock
        self._line = asyncio.Lock()  # held from waiting for quiet until heard
        self._asking = asyncio.Lock()  # held until it is clear whether the model begins
        self._waiting = 0
        self._active: _Utterance | None = None
        self._asked_s: float | None = None

    @property
    def asked_s(self) -> float | None:
        """When the model was asked last, on the monotonic clock."""
        return self._asked_s

    async def say(
        self,
        text: str,
        *,
        tag: str,
        behaviour: SayBehaviour = SayBehaviour.QUEUE,
        interruptible: bool = True,
        wait_s: float = WAITS_AT_MOST_S,
    ) -> Outcome:
        """Let the agent say `text`; return once that was heard, or came to nothing.

        Where somebody is speaking already, `behaviour` decides: wait in the queue for quiet, but
        no longer than `wait_s`; interrupt whatever the agent says, ahead of the queue and whether
        the caller speaks or not; or be refused.

        :param tag: what it is for, as events and the model's requests name it.
        :param interruptible: whether callers who speak stop it; what they say meanwhile is
            answered afterwards. `behaviour` INTERRUPT stops it in any case.
        """
        utterance = _Utterance(tag, say=text, interruptible=interruptible)
        return await self._utter(utterance, behaviour, wait_s)

    async def prompt(
        self,
        instructions: str | None = None,
        *,
        tag: str,
        behaviour: SayBehaviour = SayBehaviour.QUEUE,
        interruptible: bool = True,
        wait_s: float = WAITS_AT_MOST_S,
    ) -> Outcome:
        """Let the model say what it makes of the conversation, and of `instructions` if given.

        As `say` in everything else.
        """
        utterance = _Utterance(tag, instructions=instructions, interruptible=interruptible)
        return await self._utter(utterance, behaviour, wait_s)

    async def follow_up(self, *, tag: str, is_wanted: Callable[[], bool]) -> bool:
        """Let the model go on with what it was told, as soon as an answer could begin.

        What the agent said before may still be heard: the answer follows it without a pause.
        Whether it `is_wanted` is asked at the last moment. Return whether it has begun.
        """
        utterance = _Utterance(tag)
        try:
            for _ in range(_TRIES):
                await self._quiet.model_free()
                async with self._asking:
                    with self._quiet.broken():
                        if not self._quiet.is_model_free:
                            continue
                        if not is_wanted():
                            return False
                        refusal = await self._begin(utterance)
                if refusal is not Outcome.REFUSED:
                    return refusal is None
                await self._clock.sleep(_AGAIN_S)
        except ModelError:
            pass  # whoever listens to the session learns why
        finally:
            if self._active is utterance:
                self._active = None
        return False

    def on(self, event: ModelEvent) -> None:
        """Take what the model says of the utterance that it was asked for."""
        active = self._active
        if active is None:
            return
        match event:
            case ResponseStarted(response_id, tag) if tag == active.tag:
                active.response_id = response_id
                active.decided.set()
            case ModelWarning(request_tag=tag) if tag == active.tag:
                active.turn_down(Outcome.REFUSED)
            case ResponseDone(response_id, detail=detail) if response_id == active.response_id:
                if detail == SESSION_INTERRUPTED:  # the next session is asked for it, or its rest
                    active.response_id = None
                    active.decided.clear()

    async def _utter(
        self, utterance: _Utterance, behaviour: SayBehaviour, wait_s: float
    ) -> Outcome:
        try:
            if behaviour is SayBehaviour.INTERRUPT:
                return await self._say_now(utterance)
            has_to_wait = not self._quiet or self._line.locked()
            if self._waiting >= MAX_WAITING or (has_to_wait and behaviour is SayBehaviour.REFUSE):
                return Outcome.REFUSED
            return await self._say_in_turn(utterance, wait_s)
        except ModelError:
            return Outcome.FAILED  # whoever listens to the session learns why
        finally:
            if self._active is utterance:
                self._active = None

    async def _say_now(self, utterance: _Utterance) -> Outcome:
        async with self._the_word(utterance):
            if self._active is not None and not self._active.decided.is_set():
                self._active.turn_down(Outcome.INTERRUPTED)
            async with self._asking:
                await self.hush()
                refusal = await self._begin(utterance)
            return refusal or await self._end(utterance)

    async def _say_in_turn(self, utterance: _Utterance, wait_s: float) -> Outcome:
        give_up_s = self._clock.monotonic_s() + wait_s
        self._waiting += 1
        try:
            if not await self._happens(self._line.acquire(), wait_s):
                return Outcome.REFUSED
        finally:
            self._waiting -= 1
        try:
            for _ in range(_TRIES):
                left_s = give_up_s - self._clock.monotonic_s()
                if not await self._happens(self._quiet.wait(), left_s):
                    break
                async with self._the_word(utterance):
                    async with self._asking:
                        refusal = await self._begin(utterance)
                    if refusal is not Outcome.REFUSED:
                        return refusal or await self._end(utterance)
            return Outcome.REFUSED
        finally:
            self._line.release()

    @asynccontextmanager
    async def _the_word(self, utterance: _Utterance) -> AsyncIterator[None]:
        with self._quiet.broken():
            if utterance.interruptible:
                yield
                return
            async with self._control.protected():
                yield
            await self._control.settle()

    async def hush(self) -> None:
        """Stop whatever the agent says or was asked for.

        :raises ModelError: the session is gone.
        """
        await self._voice.stop()
        await self._session.cancel()
        await self._happens(self._quiet.answered(), _CANCELLED_WITHIN_S)

    async def _begin(self, utterance: _Utterance) -> Outcome | None:
        """Ask for the utterance; return None once it has begun, else why it will not."""
        utterance.refusal = None
        utterance.decided.clear()
        self._active = utterance
        self._asked_s = self._clock.monotonic_s()
        await self._session.respond(
            tag=utterance.tag, instructions=utterance.instructions, say=utterance.say
        )
        return await self._decided(utterance)

    async def _end(self, utterance: _Utterance) -> Outcome:
        """Wait until what has begun is heard, over all the sessions that it may take."""
        while True:
            if (begun := utterance.response_id) is not None:
                try:
                    async with self._clock.timeout(_HEARD_WITHIN_S):
                        outcome = await self._voice.outcome(begun)
                except TimeoutError:
                    return Outcome.FAILED
                if outcome is not Outcome.FAILED or utterance.response_id == begun:
                    return outcome
            if refusal := await self._decided(utterance):
                return refusal

    async def _decided(self, utterance: _Utterance) -> Outcome | None:
        if not await self._happens(utterance.decided.wait(), _BEGINS_WITHIN_S):
            return Outcome.FAILED
        return utterance.refusal

    async def _happens(self, what: Coroutine[None, None, object], within_s: float) -> bool:
        try:
            async with self._clock.timeout(within_s):
                await what
        except TimeoutError:
            return False
        return True
