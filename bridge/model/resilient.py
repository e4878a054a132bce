"""How does a conversation outlive its connections? One session to the call, several on the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Self

from bridge.errors import ModelError, ModelFailure
from bridge.model.floor import Floor, Request
from bridge.model.legs import Leg
from bridge.model.line import Connect, Line
from bridge.model.memory import Memory
from bridge.model.settings import ContinuitySettings
from bridge.ports.clock import Clock
from bridge.ports.model import ModelCounters
from bridge.ports.model_config import ConfigChange, ContextItem, ModelConfig
from bridge.ports.model_event import ModelEvent
from bridge.ports.tool import ToolCallId

# What the reader may be behind; then the socket is not read any further.
_MAX_UNREAD: Final = 64


class ResilientSession:
    """Implements `ModelSession` on one connection after another.

    What is asked of it is noted first and sent then: what a lost connection swallows, the next
    one is told. Entering opens the first connection, and fails at once if that does.
    """

    def __init__(
        self, connect: Connect, config: ModelConfig, clock: Clock, settings: ContinuitySettings
    ) -> None:
        self._memory = Memory(config.context)
        self._floor = Floor(lambda: self._line.answers_turns)
        self._told: asyncio.Queue[ModelEvent | None] = asyncio.Queue(_MAX_UNREAD)
        self._line = Line(
            connect,
            config,
            clock,
            settings,
            memory=self._memory,
            floor=self._floor,
            tell=self._told.put,
            give_up=self._give_up,
        )
        self._failure: ModelError | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        await self._line.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        with suppress(asyncio.QueueFull):  # a reader of a full queue does not wait
            self._told.put_nowait(None)
        await self._line.__aexit__()

    @property
    def session_id(self) -> str:
        return self._line.session_id

    def send_audio_nowait(self, pcm: bytes | memoryview) -> None:
        """Queue audio of the user; in a gap it is dropped and counted."""
        self._line.send_audio_nowait(pcm)

    async def respond(
        self, *, tag: str, instructions: str | None = None, say: str | None = None
    ) -> None:
        """Ask for a response; in a gap, as soon as it is over.

        :raises ModelError: the session is gone.
        :raises ValueError: both `instructions` and `say` are given.
        """
        if instructions is not None and say is not None:
            raise ValueError("instructions and say exclude each other")
        self._check()
        request = Request(tag, instructions, say)
        if self._line.leg is None:
            self._floor.owe(request)
        else:
            self._floor.requested(request)
            await self._line.ask(request)

    async def commit_turn(self) -> None:
        """Make a turn of what the user has said since the last; in a gap that is lost.

        :raises ModelError: the session is gone.
        """
        self._check()
        if (leg := self._line.leg) is not None:
            with suppress(ModelError):
                await leg.session.commit_turn()

    async def cancel(self, response_id: str | None = None) -> None:
        """Stop `response_id`, or all there is.

        :raises ModelError: the session is gone.
        """
        self._check()
        self._floor.cancelled(response_id)
        if (leg := self._line.leg) is not None:
            with suppress(ModelError):  # its loss ends the response as well
                await leg.session.cancel(response_id)

    async def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Make the model forget an item's sound after `audio_end_ms`.

        :raises ModelError: the session is gone.
        """
        self._check()
        self._memory.truncate(item_id, content_index, audio_end_ms)
        if (leg := self._line.leg) is not None:
            with suppress(ModelError):  # the next session is told what is left
                if leg.was_told(item_id):
                    await self._retell(leg, item_id)
                else:
                    await leg.session.truncate(item_id, content_index, audio_end_ms)

    async def delete(self, item_id: str) -> None:
        """Make the model forget an item.

        :raises ModelError: the session is gone.
        """
        self._check()
        self._memory.delete(item_id)
        if (leg := self._line.leg) is not None:
            with suppress(ModelError):  # the next session is not told of it
                await leg.session.delete(item_id)

    async def answer_tool(self, call_id: ToolCallId, output: str) -> None:
        """Tell the model what came of a call; in a gap, the next session is told with the rest.

        :raises ModelError: the session is gone.
        """
        self._check()
        self._floor.answered(call_id)
        items = self._memory.answer(call_id, output)
        if (leg := self._line.leg) is not None:
            with suppress(ModelError):  # the next session is told
                for item in items:
                    await leg.session.create(item)

    async def add_context(self, item: ContextItem) -> None:
        """Tell the model something; in a gap, the next session is told with the rest.

        :raises ModelError: the session is gone.
        """
        self._check()
        told = self._memory.add(item)
        if (leg := self._line.leg) is not None:
            with suppress(ModelError):  # the next session is told
                await leg.session.create(told)

    async def update(self, change: ConfigChange) -> None:
        """Go on with another configuration; in a gap, from its end on.

        :raises ModelError: the session is gone.
        """
        self._check()
        await self._line.update(change)

    async def events(self) -> AsyncIterator[ModelEvent]:
        """Yield what the model says until we close. One reader; who stops may go on later.

        :raises ModelError: the session is lost for good.
        """
        while not self._closing:
            event = await self._told.get()
            if event is not None:
                yield event
            elif self._failure is not None:
                self._told.put_nowait(None)
                raise self._failure

    def counters(self) -> ModelCounters:
        """Return the totals over all connections; the round trip is the present one's."""
        return self._line.counters()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closing:
            raise ModelError(ModelFailure.LOST, "closed")

    async def _give_up(self, error: ModelError) -> None:
        self._failure = error
        await self._told.put(None)

    async def _retell(self, leg: Leg, item_id: str) -> None:
        """Cut an item that is text to this session: only sound can be truncated."""
        await leg.session.delete(item_id)
        if (left := self._memory.item(item_id)) is not None:
            item, before = left
            await leg.session.create(item, before)
