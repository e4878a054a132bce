"""What has each tenant spent today? In memory: forgotten when the server stops."""

from collections import defaultdict
from datetime import date, timedelta

from bridge.ids import ConnectionId, TenantId
from bridge.ports.budget import Spent

# A call that tells late what it spent before midnight is still heard.
_KEPT = timedelta(days=1)


class MemoryLedger:
    """Implements TenantLedger."""

    def __init__(self) -> None:
        self._days: dict[date, dict[TenantId, dict[ConnectionId, Spent]]] = {}
        self._totals: defaultdict[tuple[date, TenantId], Spent] = defaultdict(Spent)

    async def record(
        self, tenant_id: TenantId, day: date, connection_id: ConnectionId, spent: Spent
    ) -> Spent:
        self._forget_before(day - _KEPT)
        calls = self._days.setdefault(day, {}).setdefault(tenant_id, {})
        known = calls.get(connection_id, Spent())
        if spent.includes(known):
            calls[connection_id] = spent
            self._totals[day, tenant_id] += spent - known
        return self._totals[day, tenant_id]

    async def spent(self, tenant_id: TenantId, day: date) -> Spent:
        return self._totals.get((day, tenant_id), Spent())

    def _forget_before(self, first: date) -> None:
        for day in [day for day in self._days if day < first]:
            for tenant_id in self._days.pop(day):
                del self._totals[day, tenant_id]
