"""Which endpoints want what has happened? Told of each event, it wakes those that do."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol, Self

from bridge.errors import Unavailable
from bridge.ids import ConnectionId, TenantId
from bridge.logs import get_logger
from bridge.messages.events import logged
from bridge.ports.clock import Clock
from bridge.ports.event import CallEvent
from bridge.ports.placement import Directory
from bridge.ports.store import CallEraser, Erased, EventRecords, LoggedEvent
from bridge.ports.webhook import Progress, WebhookLedger
from bridge.webhooks.courier import Courier, Sends
from bridge.webhooks.endpoints import Endpoint

_log = get_logger(__name__)

_GATHER_S: Final = 0.05


class Endpoints(Protocol):
    """Who wants webhooks, as it stands now."""

    def of(self, tenant_id: TenantId) -> tuple[Endpoint, ...]: ...

    def named(self, name: str) -> Endpoint | None: ...


class Outbox:
    """Sends the events of calls to endpoints. Entering takes up what an earlier life left."""

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        directory: Directory,
        events: EventRecords,
        ledger: WebhookLedger,
        sender: Sends,
        clock: Clock,
        give_up_s: float,
    ) -> None:
        self._endpoints = endpoints
        self._directory = directory
        self._events = events
        self._ledger = ledger
        self._clock = clock
        self._make_courier: Callable[[str], Courier] = lambda name: Courier(
            name,
            endpoints.named,
            events=events,
            ledger=ledger,
            sender=sender,
            clock=clock,
            give_up_s=give_up_s,
        )
        self._couriers: dict[str, Courier] = {}
        # Of each call the newest event: however many come, a call waits once.
        self._heard: dict[ConnectionId, int] = {}
        self._woken = asyncio.Event()
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        await self._take_up()
        self._tasks.append(self._group.create_task(self._sort(), name="webhooks"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        for courier in self._couriers.values():
            await courier.keep()

    @property
    def waiting(self) -> int:
        """Calls that are followed, or of which something waits, of all endpoints together."""
        return sum(courier.waiting for courier in self._couriers.values())

    def of_events(self) -> "HeardEvents":
        """Return where events are to be written, so that they are heard."""
        return HeardEvents(self._events, self.heard)

    def of_eraser(self, eraser: CallEraser) -> "ErasedUnsent":
        """Return who erases calls, so that nothing is sent of them any more."""
        return ErasedUnsent(eraser, self._let_go)

    def heard(self, event: LoggedEvent) -> None:
        """Take note that an event is kept. Never waits."""
        self._heard[event.connection_id] = event.sequence
        self._woken.set()

    async def _let_go(self, connection_id: ConnectionId) -> None:
        self._heard.pop(connection_id, None)
        for courier in list(self._couriers.values()):
            await courier.let_go(connection_id)

    async def _sort(self) -> None:
        while True:
            await self._woken.wait()
            # What happens in a call at about the same time is looked at together.
            await self._clock.sleep(_GATHER_S)
            self._woken.clear()
            heard, self._heard = self._heard, {}
            for connection_id, sequence in heard.items():
                try:
                    await self._offer(connection_id, sequence)
                except Unavailable:  # with its next event, or in the next life
                    _log.warning("event not offered", connection_id=connection_id)

    async def _offer(self, connection_id: ConnectionId, sequence: int) -> None:
        placed = await self._directory.get(connection_id)
        if placed is None:
            return
        spec = placed.view.spec
        for endpoint in self._endpoints.of(spec.tenant_id):
            if endpoint.serves(spec.webhooks):
                courier = self._courier(endpoint.name)
                await courier.offer(connection_id, spec.tenant_id, sequence)

    async def _take_up(self) -> None:
        """Go on where an earlier life was."""
        try:
            for progress in await self._ledger.unfinished():
                await self._resume(progress)
        except Unavailable:
            _log.error("what an earlier life has not sent is not known")

    async def _resume(self, progress: Progress) -> None:
        connection_id = progress.connection_id
        placed = await self._directory.get(connection_id)
        known = await self._events.last_sequence(connection_id)
        if known <= progress.delivered and (placed is None or placed.view.is_over):
            await self._ledger.note([replace(progress, is_done=True)])
            return
        tenant_id = placed.view.spec.tenant_id if placed else TenantId("")
        courier = self._courier(progress.endpoint)
        await courier.offer(connection_id, tenant_id, known, progress.delivered)

    def _courier(self, name: str) -> Courier:
        courier = self._couriers.get(name)
        if courier is None:
            courier = self._couriers[name] = self._make_courier(name)
            task = self._group.create_task(courier.run(), name=f"webhooks {name}")
            self._tasks.append(task)
        return courier


class HeardEvents:
    """Implements EventLog and EventArchive: `hear` is told of each event that was kept."""

    def __init__(self, kept: EventRecords, hear: Callable[[LoggedEvent], None]) -> None:
        self._kept = kept
        self._hear = hear

    async def append(self, event: CallEvent) -> None:
        await self.keep(logged(event))

    async def keep(self, event: LoggedEvent) -> None:
        await self._kept.keep(event)
        self._hear(event)

    async def last_sequence(self, connection_id: ConnectionId) -> int:
        return await self._kept.last_sequence(connection_id)

    async def follow(
        self, connection_id: ConnectionId, after: int
    ) -> AsyncGenerator[LoggedEvent, None]:
        return await self._kept.follow(connection_id, after)


class ErasedUnsent:
    """Implements CallEraser: `let_go` is told of each call before it is erased."""

    def __init__(
        self, eraser: CallEraser, let_go: Callable[[ConnectionId], Awaitable[None]]
    ) -> None:
        self._eraser = eraser
        self._let_go = let_go

    async def erase(self, connection_id: ConnectionId) -> Erased:
        await self._let_go(connection_id)
        return await self._eraser.erase(connection_id)
