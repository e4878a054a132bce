"""Endpoints in memory: what they were sent, and what they make of it."""

from typing import TYPE_CHECKING

from bridge.ids import ConnectionId, TenantId
from bridge.messages.webhook_json import EventJson
from bridge.webhooks.endpoints import Endpoint
from bridge.webhooks.sending import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

TAKEN = Answer()
DOWN = Answer("http 503")


class FakeEndpoints:
    """Implements Endpoints with what a test gives it."""

    def __init__(self, **of_tenants: Endpoint) -> None:
        self.of_tenants = {TenantId(name): (one,) for name, one in of_tenants.items()}

    def of(self, tenant_id: TenantId) -> tuple[Endpoint, ...]:
        return self.of_tenants.get(tenant_id, ())

    def named(self, name: str) -> Endpoint | None:
        every = (one for some in self.of_tenants.values() for one in some)
        return next((one for one in every if one.name == name), None)


class FakeSender:
    """Takes everything, unless `answer` says otherwise."""

    def __init__(self) -> None:
        self.taken: list[tuple[ConnectionId, int]] = []
        self.asked: list[tuple[ConnectionId, int]] = []
        self.answer: Callable[[ConnectionId, int], Answer] = lambda _call, _sequence: TAKEN

    async def send(
        self,
        endpoint: Endpoint,  # noqa: ARG002
        connection_id: ConnectionId,
        sequence: int,
        event: EventJson,  # noqa: ARG002
    ) -> Answer:
        self.asked.append((connection_id, sequence))
        answer = self.answer(connection_id, sequence)
        if answer.taken:
            self.taken.append((connection_id, sequence))
        return answer

    def of(self, connection_id: ConnectionId) -> list[int]:
        """Return what of a call was taken, in order."""
        return [sequence for call, sequence in self.taken if call == connection_id]
