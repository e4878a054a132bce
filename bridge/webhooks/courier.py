"""How does one endpoint get its events? Those of a call in their order, until it takes them.

Nothing is queued but the names of calls, and how far they have got: events are read from the log
when their turn has come. So a receiver that is dead costs a few bytes a call.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from bridge.errors import Unavailable
from bridge.ids import ConnectionId, TenantId
from bridge.logs import get_logger
from bridge.messages.webhook_json import EventJson, event_json, kind_of
from bridge.ports.clock import Clock
from bridge.ports.store import EventArchive, EventsTrimmed, LoggedEvent
from bridge.ports.webhook import DeadLetter, Progress, WebhookLedger
from bridge.tracebacks import frames_of
from bridge.webhooks.endpoints import Endpoint
from bridge.webhooks.queue import Queue
from bridge.webhooks.sending import Answer

_log = get_logger(__name__)

# Calls that are served at the same time: one that is slow to be taken holds up no other.
_SENDERS: Final = 4
# Calls of which something waits; beyond, the oldest is given up, as a dead letter.
MOST_CALLS: Final = 20_000
# Other calls may fare better, unless so many in a row have not.
_FAILURES_OF_ALL: Final = 4
# What is sent again at most after the server was killed, by the same ids. All calls together.
KEEP_EVERY_S: Final = 1.0
# An endpoint that is there and says no will hardly say yes.
_REJECTIONS: Final = 5


class Sends(Protocol):
    async def send(
        self, endpoint: Endpoint, connection_id: ConnectionId, sequence: int, event: EventJson
    ) -> Answer: ...


@dataclass(slots=True)
class _Call:
    """A call of which an endpoint may want something."""

    tenant_id: TenantId
    delivered: int
    known: int = 0
    attempts: int = 0
    """Of the event behind `delivered`."""
    is_queued: bool = False


class Courier:
    """Serves one endpoint, whose address and secret may change meanwhile."""

    def __init__(
        self,
        name: str,
        endpoint: Callable[[str], Endpoint | None],
        *,
        events: EventArchive,
        ledger: WebhookLedger,
        sender: Sends,
        clock: Clock,
        give_up_s: float,
    ) -> None:
        """
        :param give_up_s: an event that is older, and not taken, is a dead letter.
        """
        self._name = name
        self._endpoint = endpoint
        self._events = events
        self._ledger = ledger
        self._sender = sender
        self._clock = clock
        self._give_up_s = give_up_s
        self._calls: dict[ConnectionId, _Call] = {}
        self._queue = Queue(clock)
        self._unkept: dict[ConnectionId, Progress] = {}
        self._keeping = asyncio.Lock()
        self._failures = 0

    @property
    def waiting(self) -> int:
        """Calls that are followed, or of which something waits."""
        return len(self._calls)

    async def offer(
        self, connection_id: ConnectionId, tenant_id: TenantId, known: int, delivered: int = 0
    ) -> None:
        """Note that events up to `known` are there; `delivered` counts for a call that is new."""
        call = self._calls.get(connection_id)
        if call is None:
            if len(self._calls) >= MOST_CALLS:
                await self._give_up_oldest()
            call = self._calls[connection_id] = _Call(tenant_id, delivered)
            self._note(connection_id, call)
        call.known = max(call.known, known)
        if not call.is_queued:
            call.is_queued = True
            self._queue.add(connection_id)

    async def run(self) -> None:
        """Send what there is, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_up(), name=f"webhooks {self._name} ledger")
            for number in range(_SENDERS):
                group.create_task(self._serve(), name=f"webhooks {self._name} {number}")

    async def keep(self) -> None:
        """Let the ledger know how far this has got."""
        async with self._keeping:
            unkept, self._unkept = self._unkept, {}
            if not unkept:
                return
            try:
                await self._ledger.note(list(unkept.values()))
            except Unavailable:
                # What it does not know is sent again in the next life: the ids are the same.
                self._unkept = unkept | self._unkept
                _log.warning("webhooks not noted", endpoint=self._name)

    async def let_go(self, connection_id: ConnectionId) -> None:
        """Send no more of a call, and note no more of it than the ledger has been told by now."""
        await self.keep()
        self._calls.pop(connection_id, None)
        self._unkept.pop(connection_id, None)

    async def _keep_up(self) -> None:
        while True:
            await self._clock.sleep(KEEP_EVERY_S)
            await self.keep()

    async def _serve(self) -> None:
        while True:
            connection_id = await self._queue.next()
            call = self._calls.get(connection_id)
            if call is None:
                continue
            try:
                is_over = await self._bring(connection_id, call)
            except Unavailable:
                self._queue.add_later(connection_id, call.attempts)
                continue
            except KeyError:  # nothing is kept of it any more
                is_over = True
            except Exception as error:  # noqa: BLE001 - one call's events must not end all others'
                _log.error("webhook failed", error=type(error).__name__, frames=frames_of(error))
                call.attempts += 1
                self._queue.add_later(connection_id, call.attempts)
                continue
            self._settle(connection_id, call, is_over=is_over)

    def _is_let_go(self, connection_id: ConnectionId, call: _Call) -> bool:
        return self._calls.get(connection_id) is not call

    def _settle(self, connection_id: ConnectionId, call: _Call, *, is_over: bool) -> None:
        if self._is_let_go(connection_id, call):
            return
        self._note(connection_id, call, is_done=is_over)
        if is_over:
            self._calls.pop(connection_id, None)
        elif call.attempts:
            self._queue.add_later(connection_id, call.attempts)
        elif call.delivered < call.known:  # more has come meanwhile
            self._queue.add(connection_id)
        else:
            call.is_queued = False

    async def _bring(self, connection_id: ConnectionId, call: _Call) -> bool:
        """Send what is known of a call, as far as it is taken; return whether that was all."""
        if call.delivered >= call.known:
            return False
        try:
            async with self._read(connection_id, call.delivered) as events:
                async for event in events:
                    if not await self._brought(event, call):
                        return False
                    call.delivered, call.attempts = event.sequence, 0
                    if self._is_let_go(connection_id, call):
                        return True
                    if event.is_last or event.sequence >= call.known:
                        return event.is_last
        except EventsTrimmed as trimmed:
            # The log has forgotten them before the endpoint took them.
            first_kept = int(trimmed.metadata["first_kept"])
            await self._bury(connection_id, call, call.delivered + 1, "", "no longer kept")
            call.delivered, call.attempts = first_kept - 1, 0
        return False

    @asynccontextmanager
    async def _read(
        self, connection_id: ConnectionId, after: int
    ) -> AsyncIterator[AsyncIterator[LoggedEvent]]:
        async with aclosing(await self._events.follow(connection_id, after)) as events:
            yield events

    async def _brought(self, logged: LoggedEvent, call: _Call) -> bool:
        """Return whether an event is settled: not wanted, taken, or given up."""
        endpoint = self._endpoint(self._name)
        if endpoint is None:
            return True
        if not endpoint.wants(kind_of(logged.payload)):
            return True
        event = event_json(logged.payload)
        answer = await self._sender.send(endpoint, logged.connection_id, logged.sequence, event)
        if answer.taken:
            self._failures = 0
            return True
        if self._is_let_go(logged.connection_id, call):
            return True
        call.attempts += 1
        age_s = self._clock.now().timestamp() - event.at_s
        hopeless = answer.gone or (answer.rejected and call.attempts >= _REJECTIONS)
        if hopeless or age_s > self._give_up_s:
            await self._bury(logged.connection_id, call, logged.sequence, event.kind, answer.error)
            return True
        self._failed(answer)
        return False

    def _failed(self, answer: Answer) -> None:
        if answer.rejected:
            return  # it is there
        self._failures += 1
        if self._failures >= _FAILURES_OF_ALL:
            self._queue.close(self._failures - _FAILURES_OF_ALL)
        if self._failures == _FAILURES_OF_ALL:
            _log.warning("webhook endpoint does not answer", endpoint=self._name)

    async def _give_up_oldest(self) -> None:
        stuck = (one for one, call in self._calls.items() if call.delivered < call.known)
        connection_id = next(stuck, next(iter(self._calls)))
        call = self._calls.pop(connection_id)
        await self._bury(connection_id, call, call.delivered + 1, "", "too many calls wait")
        self._note(connection_id, call, is_done=True)

    def _note(self, connection_id: ConnectionId, call: _Call, *, is_done: bool = False) -> None:
        progress = Progress(self._name, connection_id, call.delivered, is_done)
        self._unkept[connection_id] = progress

    async def _bury(
        self, connection_id: ConnectionId, call: _Call, sequence: int, kind: str, error: str
    ) -> None:
        _log.error("webhook given up", endpoint=self._name, kind=kind, error=error)
        letter = DeadLetter(
            endpoint=self._name,
            connection_id=connection_id,
            sequence=sequence,
            tenant_id=call.tenant_id,
            kind=kind,
            error=error,
            attempts=call.attempts,
            died_at=self._clock.now(),
        )
        try:
            await self._ledger.bury(letter)
        except Unavailable:
            _log.warning("dead letter not noted", endpoint=self._name)
