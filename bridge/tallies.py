"""How often what has happened to each tenant."""

from collections import Counter, OrderedDict
from collections.abc import Hashable, Mapping
from typing import Final, Generic, TypeVar

from bridge.ids import TenantId

What = TypeVar("What", bound=Hashable)

# Where nobody checks who asks, anything may be given as a tenant.
MOST_TENANTS: Final = 10_000


class Tallies(Generic[What]):
    """Counts for each tenant. Forgets the one that was counted for longest ago, when there are
    too many of them."""

    def __init__(self, most_tenants: int = MOST_TENANTS) -> None:
        self._most_tenants = most_tenants
        self._of: OrderedDict[TenantId, Counter[What]] = OrderedDict()

    def add(self, tenant_id: TenantId, what: What, count: int = 1) -> None:
        self._of.setdefault(tenant_id, Counter())[what] += count
        self._of.move_to_end(tenant_id)
        if len(self._of) > self._most_tenants:
            self._of.popitem(last=False)

    def of(self, tenant_id: TenantId) -> Mapping[What, int]:
        """Return the counts as they are now; what never happened is zero."""
        return Counter(self._of.get(tenant_id, {}))
