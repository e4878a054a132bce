"""How much of a call may be kept once it is over? Whoever has a say can only tighten it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from bridge.ids import TenantId


class Retention(Enum):
    """What is kept; each keeps more than the one before it."""

    NONE = "none"
    METADATA = "metadata"
    """When, who, how long, why it ended, what it cost: no word that was said."""
    TRANSCRIPT = "transcript"
    """What was said, too, and its sound where the call is recorded."""
    ALL = "all"
    """What was told to tools, and keys that were pressed, too."""

    def keeps(self, what: "Retention") -> bool:
        """Return whether what needs at least `what` may be kept."""
        return _ORDER.index(self) >= _ORDER.index(what)


_ORDER: Final = tuple(Retention)


def tightest(*wanted: Retention | None) -> Retention:
    """Return what keeps least of all that is wanted; None wants nothing in particular."""
    return min((one for one in wanted if one is not None), key=_ORDER.index, default=Retention.ALL)


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """What an operator allows to be kept: of anybody's calls, and of some tenants'."""

    of_all: Retention = Retention.ALL
    of_tenants: Mapping[TenantId, Retention] = field(default_factory=dict)

    def of(self, tenant_id: TenantId) -> Retention:
        return tightest(self.of_all, self.of_tenants.get(tenant_id))
