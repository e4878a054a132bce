"""Is there room for words of the bridge's own? Who speaks, and who is expected to."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from bridge.ports.clock import Clock

# A model begins its answer to a turn within milliseconds of the turn's end, or never.
_ANSWERS_WITHIN_S: Final = 3.0


class Quiet:
    """Knows whether it is quiet: nobody speaks, and no answer is under way or due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._user_speaks = False
        self._users_unheard = False
        self._times_user_spoke = 0
        self._agent_speaks = False
        self._broken = 0
        self._responses: set[str] = set()
        self._answer_due_s: float | None = None
        self._answer_owed = False
        self._changed = asyncio.Event()
        self._since_s = clock.monotonic_s()

    def __bool__(self) -> bool:
        return self._answer_due_in_s <= 0 and not self._is_busy

    @property
    def since_s(self) -> float | None:
        """Return since when it has been quiet, on the monotonic clock; None while it is not."""
        return max(self._since_s, self._answer_due_s or 0.0) if self else None

    async def wait(self) -> None:
        """Wait until it is quiet. Cancelling it changes nothing."""
        await self._until_not(lambda: self._is_busy)

    @property
    def is_model_free(self) -> bool:
        """Return whether an answer could begin: none is made or due, and no user speaks.

        What was said before may still be heard: the answer's sound would follow it.
        """
        return self._answer_due_in_s <= 0 and not self._is_model_busy

    async def model_free(self) -> None:
        """Wait until an answer could begin. Cancelling it changes nothing."""
        await self._until_not(lambda: self._is_model_busy)

    @property
    def user_is_speaking(self) -> bool:
        return self._user_speaks

    async def answered(self) -> None:
        """Wait until the model works on no answer. Cancelling it changes nothing."""
        while self._responses:
            await self._change()

    @property
    def times_user_spoke(self) -> int:
        """Return how often a user has begun to speak."""
        return self._times_user_spoke

    async def lasting(self, seconds: float, *, not_before_s: float) -> None:
        """Wait until it has been quiet for so long. Cancelling it changes nothing.

        :param not_before_s: quiet before that moment of the monotonic clock does not count.
        """
        while True:
            await self.wait()
            since_s = max(not_before_s, self.since_s or self._clock.monotonic_s())
            left_s = since_s + seconds - self._clock.monotonic_s()
            if left_s <= 0:
                return
            with suppress(TimeoutError):
                async with self._clock.timeout(left_s):
                    await self._change()

    async def user_speaks(self) -> None:
        """Wait until a user begins to speak. Cancelling it changes nothing."""
        spoken = self._times_user_spoke
        while self._times_user_spoke == spoken:
            await self._change()

    def user_began(self) -> None:
        self._times_user_spoke += 1
        self._user_speaks, self._answer_due_s = not self._users_unheard, None
        self._note()

    def user_stopped(self) -> None:
        self._user_speaks = False
        self._note()

    def answer_due(self) -> None:
        """The model answers by itself now."""
        if not self._users_unheard:
            self._answer_due_s = self._clock.monotonic_s() + _ANSWERS_WITHIN_S
        self._note()

    def answer_owed(self, owed: bool) -> None:
        """The model is to be asked for an answer as soon as one could begin, or has been."""
        if owed is not self._answer_owed:
            self._answer_owed = owed
            self._note()

    def users_unheard(self) -> None:
        """What users say does not reach the model from now on."""
        self._users_unheard = True
        self._user_speaks, self._answer_due_s = False, None
        self._answer_owed = False
        self._note()

    def agent_speaks(self, speaks: bool) -> None:
        """There is sound of the agent that has not been heard, or there is none any more."""
        if speaks is not self._agent_speaks:
            self._agent_speaks = speaks
            self._note()

    @contextmanager
    def broken(self) -> Iterator[None]:
        """Let it not be quiet inside: the bridge has words of its own to be said."""
        self._broken += 1
        self._note()
        try:
            yield
        finally:
            self._broken -= 1
            self._note()

    def response_began(self, response_id: str) -> None:
        self._responses.add(response_id)
        self._answer_due_s = None
        self._note()

    def response_over(self, response_id: str) -> None:
        self._responses.discard(response_id)
        self._note()

    @property
    def _is_busy(self) -> bool:
        waits = self._broken or self._answer_owed
        return bool(self._is_model_busy or self._agent_speaks or waits)

    @property
    def _is_model_busy(self) -> bool:
        return bool(self._user_speaks or self._responses)

    @property
    def _answer_due_in_s(self) -> float:
        return (self._answer_due_s or 0.0) - self._clock.monotonic_s()

    async def _until_not(self, busy: Callable[[], bool]) -> None:
        while (is_busy := busy()) or self._answer_due_in_s > 0:
            if is_busy:
                await self._change()
            else:
                with suppress(TimeoutError):
                    async with self._clock.timeout(self._answer_due_in_s):
                        await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _note(self) -> None:
        self._since_s = self._clock.monotonic_s()
        self._changed.set()
