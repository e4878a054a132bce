"""What is kept beyond this process: each port in front of memory, which is asked first.

What is told goes to memory at once and waits to be written; what memory has forgotten is read.
"""

import heapq
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import date
from itertools import islice

from bridge.ids import ConnectionId, RoomName, TenantId, connection_id_of
from bridge.messages.events import logged
from bridge.ports.budget import Spent, TenantLedger
from bridge.ports.call import CallView
from bridge.ports.event import CallEvent
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import CallFilter, CallPosition, Directory, Placed, RoomTaken, Totals
from bridge.ports.report import CallReport
from bridge.ports.store import EventRecords, EventsTrimmed, LoggedEvent, Store
from bridge.store.archive import Archive
from bridge.store.pending import Pending


class DurableDirectory:
    """Implements Directory."""

    def __init__(self, memory: Directory, pending: Pending, archive: Archive) -> None:
        self._memory = memory
        self._pending = pending
        self._archive = archive

    async def add(self, placed: Placed) -> RoomTaken | None:
        taken = await self._memory.add(placed)
        if taken is None:
            self._pending.enter(placed)
        return taken

    async def update(self, view: CallView, epoch: Epoch) -> None:
        await self._memory.update(view, epoch)
        self._pending.update(view, epoch)

    async def remove(self, connection_id: ConnectionId) -> None:
        await self._memory.remove(connection_id)
        self._pending.forget(connection_id)

    async def get(self, connection_id: ConnectionId) -> Placed | None:
        return await self._memory.get(connection_id) or await self._archive.call(connection_id)

    async def carried_by(self, host_id: HostId) -> Sequence[Placed]:
        return await self._memory.carried_by(host_id)

    async def in_room(self, room_name: RoomName) -> Placed | None:
        return await self._memory.in_room(room_name)

    async def last_in_room(self, room_name: RoomName) -> Placed | None:
        remembered = await self._memory.last_in_room(room_name)
        if remembered is not None:
            return remembered
        # The store is not searched by rooms: it knows those that have their names from their calls.
        connection_id = connection_id_of(room_name)
        if connection_id is None:
            return None
        stored = await self._archive.call(connection_id)
        return stored if stored and stored.view.spec.room_name == room_name else None

    async def page(
        self, calls: CallFilter, after: CallPosition | None, limit: int
    ) -> Sequence[CallView]:
        # First: what memory forgets between the questions is told twice rather than never.
        remembered = await self._memory.page(calls, after, limit)
        stored = await self._archive.page(calls, after, limit)
        known = {view.connection_id for view in remembered}
        others = (view for view in stored if view.connection_id not in known)
        both = heapq.merge(remembered, others, key=CallPosition.of, reverse=True)
        return list(islice(both, limit))

    async def totals(self, tenant_id: TenantId) -> Totals:
        return await self._memory.totals(tenant_id)


class DurableEvents:
    """Implements EventLog and EventArchive.

    Whoever is too slow for memory goes on in what is stored; their place is trimmed only where
    that has not been written, or is lost.
    """

    def __init__(self, memory: EventRecords, pending: Pending, archive: Archive) -> None:
        self._memory = memory
        self._pending = pending
        self._archive = archive

    async def append(self, event: CallEvent) -> None:
        await self.keep(logged(event))

    async def keep(self, event: LoggedEvent) -> None:
        await self._memory.keep(event)
        self._pending.append(event)

    async def last_sequence(self, connection_id: ConnectionId) -> int:
        remembered = await self._memory.last_sequence(connection_id)
        return remembered or await self._archive.last_sequence(connection_id)

    async def follow(
        self, connection_id: ConnectionId, after: int
    ) -> AsyncGenerator[LoggedEvent, None]:
        try:
            await self._memory.follow(connection_id, after)
        except KeyError:
            if not await self._archive.last_sequence(connection_id):
                raise
        return self._follow(connection_id, after)

    async def _follow(
        self, connection_id: ConnectionId, after: int
    ) -> AsyncGenerator[LoggedEvent, None]:
        while True:
            try:
                async with aclosing(await self._memory.follow(connection_id, after)) as events:
                    async for event in events:
                        yield event
                        after = event.sequence
            except KeyError:
                trimmed = None
            except EventsTrimmed as error:
                trimmed = error
            else:
                return
            stored = await self._archive.events(connection_id, after)
            if not stored and trimmed is not None:
                raise trimmed
            for event in stored:
                if event.sequence != after + 1:
                    raise EventsTrimmed(event.sequence)
                yield event
                after = event.sequence
            if not stored or stored[-1].is_last:
                return


class DurableReports:
    """Implements Store."""

    def __init__(self, memory: Store, pending: Pending, archive: Archive) -> None:
        self._memory = memory
        self._pending = pending
        self._archive = archive

    async def save(self, report: CallReport) -> None:
        await self._memory.save(report)
        self._pending.save(report)

    async def report(self, connection_id: ConnectionId) -> CallReport | None:
        remembered = await self._memory.report(connection_id)
        return remembered or await self._archive.report(connection_id)


class DurableLedger:
    """Implements TenantLedger: memory that has been told what was spent before."""

    def __init__(self, memory: TenantLedger, pending: Pending) -> None:
        self._memory = memory
        self._pending = pending

    async def record(
        self, tenant_id: TenantId, day: date, connection_id: ConnectionId, spent: Spent
    ) -> Spent:
        total = await self._memory.record(tenant_id, day, connection_id, spent)
        self._pending.spend(day, tenant_id, connection_id, spent)
        return total

    async def spent(self, tenant_id: TenantId, day: date) -> Spent:
        return await self._memory.spent(tenant_id, day)
