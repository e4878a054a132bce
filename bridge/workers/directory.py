"""Which calls there are and who has them, in memory."""

import heapq
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from bridge.ids import ConnectionId, RoomName, TenantId
from bridge.ports.call import CallView, EndReason
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import CallFilter, CallPosition, Placed, RoomTaken, Totals
from bridge.tallies import Tallies


class MemoryDirectory:
    """Implements Directory within one process. Forgets the calls that ended first."""

    def __init__(self, *, ended_calls: int) -> None:
        self._ended_limit = ended_calls
        self._calls: dict[ConnectionId, Placed] = {}
        self._call_in_room: dict[RoomName, ConnectionId] = {}
        self._last_in_room: dict[RoomName, ConnectionId] = {}
        self._ended: OrderedDict[ConnectionId, None] = OrderedDict()
        self._created: Tallies[str] = Tallies()
        self._endings: Tallies[EndReason] = Tallies()

    async def add(self, placed: Placed) -> RoomTaken | None:
        spec = placed.view.spec
        holder = self._call_in_room.get(spec.room_name)
        if holder is not None:
            return RoomTaken(holder)
        self._calls[spec.connection_id] = placed
        self._call_in_room[spec.room_name] = spec.connection_id
        self._last_in_room[spec.room_name] = spec.connection_id
        self._created.add(spec.tenant_id, "calls")
        return None

    async def update(self, view: CallView, epoch: Epoch) -> None:
        placed = self._calls.get(view.connection_id)
        if placed is None or placed.epoch != epoch or placed.view.is_over:
            return
        self._calls[view.connection_id] = replace(placed, view=view)
        if view.is_over:
            del self._call_in_room[view.spec.room_name]
            self._ended[view.connection_id] = None
            if view.ending is not None:
                self._endings.add(view.spec.tenant_id, view.ending.reason)
            while len(self._ended) > self._ended_limit:
                oldest, _ = self._ended.popitem(last=False)
                self._forget(oldest)

    async def remove(self, connection_id: ConnectionId) -> None:
        placed = self._forget(connection_id)
        self._ended.pop(connection_id, None)
        if placed is not None and not placed.view.is_over:
            del self._call_in_room[placed.view.spec.room_name]
            self._created.add(placed.view.spec.tenant_id, "calls", -1)

    async def get(self, connection_id: ConnectionId) -> Placed | None:
        return self._calls.get(connection_id)

    async def carried_by(self, host_id: HostId) -> Sequence[Placed]:
        return [
            placed
            for placed in self._calls.values()
            if placed.host_id == host_id and not placed.view.is_over
        ]

    async def in_room(self, room_name: RoomName) -> Placed | None:
        holder = self._call_in_room.get(room_name)
        return None if holder is None else self._calls.get(holder)

    async def last_in_room(self, room_name: RoomName) -> Placed | None:
        holder = self._last_in_room.get(room_name)
        return None if holder is None else self._calls.get(holder)

    async def page(
        self, calls: CallFilter, after: CallPosition | None, limit: int
    ) -> Sequence[CallView]:
        behind = (
            placed.view
            for placed in self._calls.values()
            if calls.admits(placed.view) and (after is None or CallPosition.of(placed.view) < after)
        )
        return heapq.nlargest(limit, behind, key=CallPosition.of)

    async def totals(self, tenant_id: TenantId) -> Totals:
        return Totals(
            live=sum(
                placed.view.spec.tenant_id == tenant_id and not placed.view.is_over
                for placed in self._calls.values()
            ),
            created=self._created.of(tenant_id)["calls"],
            ended=self._endings.of(tenant_id),
        )

    def _forget(self, connection_id: ConnectionId) -> Placed | None:
        placed = self._calls.pop(connection_id, None)
        if placed is not None:
            room_name = placed.view.spec.room_name
            if self._last_in_room.get(room_name) == connection_id:
                del self._last_in_room[room_name]
        return placed
