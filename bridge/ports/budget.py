"""How much may be spent, by a call or by a tenant in a day, and how much has been?"""

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final, Protocol

from bridge.ids import ConnectionId, TenantId

# A thousand million units of money; as many tokens are decades of talk.
MAX_BUDGET: Final = 10**15


class LimitKind(Enum):
    """A limit that a call can use up."""

    DURATION = "duration"
    CALL_TOKENS = "call_tokens"
    CALL_COST = "call_cost"
    TENANT_TOKENS = "tenant_tokens"
    """Of a day, as the next one."""
    TENANT_COST = "tenant_cost"


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent; None: as much as it takes."""

    max_tokens: int | None = None
    max_micro_units: int | None = None

    def __bool__(self) -> bool:
        """Return whether it limits anything."""
        return self != Budget()

    def within(self, other: "Budget") -> "Budget":
        """Return the smaller of both in each respect."""
        return Budget(
            _smaller(self.max_tokens, other.max_tokens),
            _smaller(self.max_micro_units, other.max_micro_units),
        )


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens, and money in millionths of a micro-unit: no rounding adds up in it."""

    tokens: int = 0
    picos: int = 0

    def includes(self, other: "Spent") -> bool:
        """Return whether `other` is an earlier sum of the same thing, or this one."""
        return self.tokens >= other.tokens and self.picos >= other.picos

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.tokens + other.tokens, self.picos + other.picos)

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.tokens - other.tokens, self.picos - other.picos)


class SpendingSink(Protocol):
    """Where the owner of a call says what it spends."""

    async def record(
        self, tenant_id: TenantId, day: date, connection_id: ConnectionId, spent: Spent
    ) -> Spent:
        """Set what a call has spent on a day so far; return what its tenant has, in all its calls.

        It is the sum that is told, never what came on top: telling it again changes nothing. One
        that is smaller than what is known is late, and is ignored.

        :param day: in UTC.
        """
        ...


class TenantLedger(SpendingSink, Protocol):
    """What each tenant has spent on each day. Days before yesterday may be forgotten."""

    async def spent(self, tenant_id: TenantId, day: date) -> Spent: ...


class TenantBudgets(Protocol):
    """What each tenant may spend in a day."""

    def of(self, tenant_id: TenantId) -> Budget: ...


def _smaller(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
