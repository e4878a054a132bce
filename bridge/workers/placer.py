"""Who takes the next call: hosts, their slots, and the reservations on them, in memory."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.ids import ConnectionId
from bridge.ports.clock import Clock
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import (
    Existing,
    Full,
    KeyReused,
    OverQuota,
    Quota,
    RequestKey,
    Reservation,
)
from bridge.workers.quotas import QuotaBook

RESERVATION_S: Final = 10.0
"""A call that has not begun by then never will: its front is gone."""

LEASE_S: Final = 10.0
"""A host that has been silent for so long is given up."""


@dataclass(slots=True)
class _HostSlots:
    epoch: Epoch
    slots: int
    alive_until_s: float
    load: float = 0.0
    confirmed: set[ConnectionId] = field(default_factory=set)
    reserved_until_s: dict[ConnectionId, float] = field(default_factory=dict)

    @property
    def free(self) -> int:
        return self.slots - len(self.confirmed) - len(self.reserved_until_s)

    @property
    def spare(self) -> float:
        """Return what share of it is left: of its slots or of its time, whichever is less."""
        return min(self.free / self.slots, 1.0 - self.load)

    def drop_overdue(self, now_s: float) -> list[ConnectionId]:
        overdue = [call for call, until_s in self.reserved_until_s.items() if until_s <= now_s]
        for call in overdue:
            del self.reserved_until_s[call]
        return overdue


@dataclass(frozen=True, slots=True)
class _KnownRequest:
    fingerprint: bytes
    connection_id: ConnectionId


class MemoryPlacer:
    """Implements Placer and Membership within one process. Remembers the newest request ids."""

    def __init__(self, clock: Clock, *, remembered_requests: int) -> None:
        self._clock = clock
        self._remembered = remembered_requests
        self._hosts: dict[HostId, _HostSlots] = {}
        self._host_of: dict[ConnectionId, HostId] = {}
        self._requests: OrderedDict[tuple[str, str], _KnownRequest] = OrderedDict()
        self._request_of: dict[ConnectionId, tuple[str, str]] = {}
        self._lost: list[ConnectionId] = []
        self._quotas = QuotaBook(clock)

    async def heartbeat(self, host_id: HostId, epoch: Epoch, slots: int, load: float = 0.0) -> None:
        until_s = self._clock.monotonic_s() + LEASE_S
        host = self._hosts.get(host_id)
        if host is None or host.epoch < epoch:
            self._give_up(host_id)
            self._hosts[host_id] = _HostSlots(epoch, slots, until_s, load)
        elif host.epoch == epoch:
            host.slots, host.alive_until_s, host.load = slots, until_s, load

    async def retire(self, host_id: HostId) -> None:
        self._give_up(host_id)

    async def reap(self) -> Sequence[ConnectionId]:
        now_s = self._clock.monotonic_s()
        dead = [host_id for host_id, host in self._hosts.items() if host.alive_until_s <= now_s]
        for host_id in dead:
            self._give_up(host_id)
        lost, self._lost = self._lost, []
        return lost

    async def reserve(
        self,
        connection_id: ConnectionId,
        key: RequestKey | None,
        quotas: Sequence[Quota] = (),
    ) -> Reservation | Existing | KeyReused | OverQuota | Full:
        # No await from here to the end: that is what makes it exact.
        if key is not None:
            known = self._requests.get((key.tenant_id, key.request_id))
            if known is not None:
                same = known.fingerprint == key.fingerprint
                return Existing(known.connection_id) if same else KeyReused()
        freest = self._freest_host()
        if excess := self._quotas.excess(quotas):
            return excess
        if freest is None:
            return Full()
        host_id, host = freest
        host.reserved_until_s[connection_id] = self._clock.monotonic_s() + RESERVATION_S
        self._host_of[connection_id] = host_id
        self._quotas.take(connection_id, quotas)
        if key is not None:
            self._remember(connection_id, key)
        return Reservation(host_id, host.epoch)

    async def confirm(self, connection_id: ConnectionId) -> None:
        host = self._host_with(connection_id)
        if host is not None:
            # Also where the reservation was overdue: the call runs, so its slot is taken.
            host.reserved_until_s.pop(connection_id, None)
            host.confirmed.add(connection_id)
            self._quotas.hold(connection_id)

    async def release(self, connection_id: ConnectionId, *, forget_request: bool) -> None:
        host = self._host_with(connection_id)
        if host is not None:
            host.reserved_until_s.pop(connection_id, None)
            host.confirmed.discard(connection_id)
        self._host_of.pop(connection_id, None)
        self._quotas.give_back(connection_id, never_began=forget_request)
        if forget_request:
            key = self._request_of.pop(connection_id, None)
            if key is not None:
                del self._requests[key]

    def _give_up(self, host_id: HostId) -> None:
        """Forget a host, or an earlier life of it; the next reap tells of its calls."""
        host = self._hosts.pop(host_id, None)
        if host is not None:
            self._lost.extend(host.confirmed)
            for call in (*host.confirmed, *host.reserved_until_s):
                self._host_of.pop(call, None)
                self._quotas.give_back(call, never_began=False)

    def _freest_host(self) -> tuple[HostId, _HostSlots] | None:
        now_s = self._clock.monotonic_s()
        freest: tuple[HostId, _HostSlots] | None = None
        for host_id, host in self._hosts.items():
            for overdue in host.drop_overdue(now_s):
                self._quotas.lapse(overdue)
            alive = host.alive_until_s > now_s
            if alive and host.free > 0 and (freest is None or host.spare > freest[1].spare):
                freest = host_id, host
        return freest

    def _host_with(self, connection_id: ConnectionId) -> _HostSlots | None:
        host_id = self._host_of.get(connection_id)
        return None if host_id is None else self._hosts.get(host_id)

    def _remember(self, connection_id: ConnectionId, key: RequestKey) -> None:
        name = (key.tenant_id, key.request_id)
        self._requests[name] = _KnownRequest(key.fingerprint, connection_id)
        self._request_of[connection_id] = name
        while len(self._requests) > self._remembered:
            _, oldest = self._requests.popitem(last=False)
            self._request_of.pop(oldest.connection_id, None)
