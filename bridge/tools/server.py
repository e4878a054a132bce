"""One registered tool server: what it is asked, what it has answered, and what it owes."""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from bridge.errors import Refusal
from bridge.ports.clock import Clock
from bridge.ports.tool import ToolCallId, ToolInvocation, ToolOutcome
from bridge.tools.failures import TOOL_SERVER_LOST
from bridge.tools.registration import Registration


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Nobody waits for the result of an invocation any more."""

    tool_call_id: ToolCallId
    reason: str


@dataclass(slots=True)
class Served:
    """What became of a tool server's invocations."""

    invocations: int = 0
    results: int = 0
    cancellations: int = 0
    lost: int = 0
    stray_results: int = 0
    """Results for what was not under way: they came twice, too late, or to no invocation at all."""


@dataclass(slots=True)
class _Owed:
    """An invocation without a result. `outcome` becomes None where it was never sent."""

    outcome: asyncio.Future[ToolOutcome | None]
    is_sent: bool = False


class ToolServer:
    """A gateway that executes tools, from its registration to its leaving.

    At most `max_concurrent` invocations are under way, so at most as many wait to be sent, and as
    many cancellations: one that was not sent is withdrawn instead.
    """

    def __init__(self, server_id: str, registration: Registration, clock: Clock) -> None:
        self.server_id = server_id
        self.registration = registration
        self.served = Served()
        self._clock = clock
        self._owed: dict[ToolCallId, _Owed] = {}
        self._outbox: deque[ToolInvocation | Cancellation] = deque()
        self._changed = asyncio.Event()
        self._is_leaving = False
        self._is_over = False
        self._refusal: Refusal | None = None

    @property
    def load(self) -> int:
        """How many invocations are under way."""
        return len(self._owed)

    @property
    def is_leaving(self) -> bool:
        return self._is_leaving

    def has_room_for(self, tool_call_id: ToolCallId) -> bool:
        # A result names nothing but this id: two calls that share one cannot be told apart.
        return self.load < self.registration.max_concurrent and tool_call_id not in self._owed

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome | None:
        """Return what came of it; None: it was never sent, and may be tried elsewhere."""
        owed = _Owed(asyncio.get_running_loop().create_future())
        self._owed[invocation.tool_call_id] = owed
        self._send(invocation)
        try:
            return await owed.outcome
        except asyncio.CancelledError as cancelled:
            # Cancelled with the outcome already there, or the stream over: nobody is waiting there.
            if owed.outcome.cancelled():
                self._withdraw(invocation, owed, cancelled)
            raise
        finally:
            del self._owed[invocation.tool_call_id]
            self._changed.set()

    def answer(self, tool_call_id: ToolCallId, outcome: ToolOutcome) -> None:
        """Take a result. One that nobody waits for is counted, and nothing else."""
        owed = self._owed.get(tool_call_id)
        if owed is None or not owed.is_sent or owed.outcome.done():
            self.served.stray_results += 1
            return
        self.served.results += 1
        owed.outcome.set_result(outcome)

    def leave(self) -> None:
        """Ask for nothing more; `next_message` returns None when nothing is owed any more."""
        self._is_leaving = True
        self._changed.set()

    def end(self, refusal: Refusal | None = None) -> None:
        """Be over at once: what is under way is lost, and `next_message` raises `refusal`."""
        if self._is_over:
            return
        self._is_over = self._is_leaving = True
        self._refusal = refusal
        self._outbox.clear()
        for owed in self._owed.values():
            if not owed.outcome.done():
                self.served.lost += owed.is_sent
                owed.outcome.set_result(TOOL_SERVER_LOST if owed.is_sent else None)
        self._changed.set()

    async def next_message(self) -> ToolInvocation | Cancellation | None:
        """Return what to tell the tool server next; None: it has left. One reader.

        :raises Refusal: it was made to end.
        """
        while not self._outbox and not self._is_over and (self._owed or not self._is_leaving):
            self._changed.clear()
            await self._changed.wait()
        if self._refusal is not None:
            raise self._refusal
        if not self._outbox:
            return None
        message = self._outbox.popleft()
        if isinstance(message, ToolInvocation):
            self._owed[message.tool_call_id].is_sent = True
            self.served.invocations += 1
        return message

    def _withdraw(
        self, invocation: ToolInvocation, owed: _Owed, cancelled: asyncio.CancelledError
    ) -> None:
        if not owed.is_sent:
            self._outbox.remove(invocation)
            return
        reason = _reason(cancelled, invocation.deadline, self._clock.now())
        self._send(Cancellation(invocation.tool_call_id, reason))
        self.served.cancellations += 1

    def _send(self, message: ToolInvocation | Cancellation) -> None:
        self._outbox.append(message)
        self._changed.set()


def _reason(cancelled: asyncio.CancelledError, deadline: datetime, now: datetime) -> str:
    """Return why nobody waits any more: as whoever cancelled has said, or else by the time."""
    if cancelled.args and isinstance(cancelled.args[0], str):
        return cancelled.args[0]
    return "timeout" if now >= deadline else "cancelled"
