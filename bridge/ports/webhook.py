"""What is kept of webhooks: how far each endpoint has got, and what it never took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.ids import ConnectionId, TenantId

EndpointNames = Callable[[TenantId], frozenset[str]]
"""Returns what the endpoints of a tenant are called, as it stands now."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of a call an endpoint has been sent."""

    endpoint: str
    connection_id: ConnectionId
    delivered: int
    """The sequence number up to which all is settled: taken, or given up."""
    is_done: bool = False
    """That was the last event."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that an endpoint never took."""

    endpoint: str
    connection_id: ConnectionId
    sequence: int
    tenant_id: TenantId
    kind: str
    error: str
    attempts: int
    died_at: datetime


class WebhookLedger(Protocol):
    """Outlives the server, where its store does."""

    async def note(self, progress: Sequence[Progress]) -> None:
        """Keep how far endpoints have got with calls; going back is no progress.

        :raises Unavailable: the store does not answer.
        """
        ...

    async def unfinished(self) -> Sequence[Progress]:
        """Return what endpoints have not been sent all of, the oldest first.

        :raises Unavailable: the store does not answer.
        """
        ...

    async def bury(self, letter: DeadLetter) -> None:
        """
        :raises Unavailable: the store does not answer.
        """
        ...

    async def dead(self, endpoint: str | None = None) -> Sequence[DeadLetter]:
        """Return dead letters, the oldest first.

        :raises Unavailable: the store does not answer.
        """
        ...

    async def forget_dead(self, letter: DeadLetter) -> None:
        """Strike a dead letter off the list: it has been taken after all.

        :raises Unavailable: the store does not answer.
        """
        ...
