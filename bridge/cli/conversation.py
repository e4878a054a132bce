"""Where is the conversation: who has spoken, and whose turn it is, as the events tell."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bridge.v1.call_pb2 import AGENT_STATE_IDLE, AGENT_STATE_LISTENING, AGENT_STATE_SPEAKING
from bridge.v1.event_pb2 import CallEvent
from bridge.v1.report_pb2 import CallReport

_WAITING = frozenset({AGENT_STATE_IDLE, AGENT_STATE_LISTENING})


class Turns:
    """Whose turn it is, as whoever writes it down sees it; others wait here for it to change."""

    def __init__(self) -> None:
        self.agent_speaks = False
        self.is_answered = False
        """The agent has spoken since the caller last did, and has finished."""
        self.has_ended = False
        self._changed = asyncio.Event()

    def _tell(self) -> None:
        """Let those who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Wait until `holds`, the call's end, or for so long; return whether it holds."""
        try:
            async with asyncio.timeout(within_s):
                while not holds() and not self.has_ended:
                    await self._changed.wait()
        except TimeoutError:
            pass
        return holds()

    async def pause(self, for_s: float) -> None:
        """Wait for so long, or until the call's end."""
        await self.until(lambda: False, for_s)

    async def while_it_lasts(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` until it is done, or the call has ended."""
        working = asyncio.ensure_future(work)
        ending = asyncio.ensure_future(self._end())
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            working.cancel()
            ending.cancel()
            await asyncio.wait({working, ending})
        if not working.cancelled():
            working.result()

    async def _end(self) -> None:
        while not self.has_ended:
            await self._changed.wait()


class Conversation(Turns):
    """Follows one call's events."""

    def __init__(self) -> None:
        super().__init__()
        self._ended: CallReport | None = None
        self._caller_speaks = False
        self._spoken_since = False

    @property
    def report(self) -> CallReport | None:
        """The call's last word; None while it lasts."""
        return self._ended

    def take(self, event: CallEvent) -> None:
        """Take in the next event."""
        match event.WhichOneof("kind"):
            case "user_speech":
                self._caller_speaks = event.user_speech.speaking
                self._spoken_since = False
            case "agent_state_changed":
                state = event.agent_state_changed.state
                self.agent_speaks = state == AGENT_STATE_SPEAKING
                self._spoken_since |= self.agent_speaks
                waits = state in _WAITING and not self._caller_speaks
                self.is_answered = waits and self._spoken_since
            case "ended":
                self._ended = event.ended.report
                self.has_ended = True
        if self._caller_speaks or self.agent_speaks:
            self.is_answered = False
        self._tell()
