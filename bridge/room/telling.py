"""How is a room told words and states without anybody ever waiting for it?"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.room import Segment

MAX_WAITING: Final = 64
"""Segments that wait to be sent; one more drops the oldest partial one, or else the oldest."""

# LiveKit takes a text within milliseconds.
_SEND_S: Final = 2.0
_ATTEMPTS: Final = 2
_RETRY_S: Final = 0.5
# Everybody in the room is told of every change; quicker ones nobody could see.
_STATE_EVERY_S: Final = 0.1
# For the last words of a bot that is about to leave.
_FLUSH_S: Final = 0.5

_log = get_logger(__name__)
_T = TypeVar("_T")


class Teller:
    """Sends in tasks of its own. Telling never waits and never fails.

    Only the newest text of a segment and the newest state are sent. While the connection is
    interrupted they wait, up to `MAX_WAITING` segments.
    """

    def __init__(
        self,
        show_segment: Callable[[Segment], Awaitable[None]],
        show_state: Callable[[str], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._show_segment = show_segment
        self._show_state = show_state
        self._waiting: OrderedDict[str, Segment] = OrderedDict()
        self._state: str | None = None
        self._shown_state: str | None = None
        self._segment_news = asyncio.Event()
        self._state_news = asyncio.Event()
        self._segments_sent = asyncio.Event()
        self._segments_sent.set()
        self._connected = asyncio.Event()
        self._connected.set()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._dropped = 0
        self._errors = 0

    @property
    def dropped(self) -> int:
        """Return how many segments were given up because too many waited."""
        return self._dropped

    @property
    def errors(self) -> int:
        """Return how often LiveKit did not take something."""
        return self._errors

    def start(self) -> None:
        # Owned by this object: `aclose` ends them.
        self._tasks = (
            asyncio.create_task(self._send_segments(), name="room-text"),
            asyncio.create_task(self._send_states(), name="room-agent-state"),
        )

    def tell(self, segment: Segment) -> None:
        """Show a segment, in place of what still waits of it; a final one is not taken back."""
        waiting = self._waiting.get(segment.segment_id)
        if waiting is not None and waiting.final and not segment.final:
            return
        self._waiting[segment.segment_id] = segment
        if len(self._waiting) > MAX_WAITING:
            self._drop_one()
        self._segments_sent.clear()
        self._segment_news.set()

    def tell_state(self, state: str) -> None:
        self._state = state
        self._state_news.set()

    def interrupted(self) -> None:
        """Hold everything back."""
        self._connected.clear()

    def resumed(self) -> None:
        """Go on; after a full reconnect LiveKit has forgotten the state."""
        self._shown_state = None
        self._connected.set()
        self._state_news.set()

    async def aclose(self) -> None:
        """Send what waits, within a deadline, and stop. Idempotent."""
        try:
            if self._tasks and self._connected.is_set():
                async with self._clock.timeout(_FLUSH_S):
                    await self._segments_sent.wait()
        except TimeoutError:
            _log.warning("the room was not told everything before the bot left")
        finally:
            tasks, self._tasks = self._tasks, ()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def __str__(self) -> str:
        waiting = len(self._waiting)
        return f"Teller({waiting} waiting, {self._dropped} dropped, {self._errors} errors)"

    def _drop_one(self) -> None:
        partial = (s.segment_id for s in self._waiting.values() if not s.final)
        del self._waiting[next(partial, next(iter(self._waiting)))]
        self._dropped += 1

    async def _send_segments(self) -> None:
        while True:
            await self._segment_news.wait()
            self._segment_news.clear()
            while self._waiting:
                await self._connected.wait()
                _, segment = self._waiting.popitem(last=False)
                # A partial one that is refused is soon followed by a better one.
                attempts = _ATTEMPTS if segment.final else 1
                await self._deliver(self._show_segment, segment, attempts)
            self._segments_sent.set()

    async def _send_states(self) -> None:
        while True:
            await self._state_news.wait()
            self._state_news.clear()
            await self._connected.wait()
            state = self._state
            if state is None or state == self._shown_state:
                continue
            await self._deliver(self._show_state, state, _ATTEMPTS)
            self._shown_state = state
            await self._clock.sleep(_STATE_EVERY_S)

    async def _deliver(
        self, send: Callable[[_T], Awaitable[None]], what: _T, attempts: int
    ) -> None:
        for attempt in range(attempts):
            if attempt:
                await self._clock.sleep(_RETRY_S)
                await self._connected.wait()
            try:
                async with self._clock.timeout(_SEND_S):
                    await send(what)
            except Exception as error:  # noqa: BLE001 - whatever it is, the call goes on
                self._errors += 1
                _log.warning("the room was not told something", error=type(error).__name__)
            else:
                return
