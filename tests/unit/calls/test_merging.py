"""Figures of all hosts' calls, while hosts come and go."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from bridge.calls.front.merging import merged
from bridge.errors import Unavailable
from bridge.ids import ConnectionId, TenantId
from bridge.messages.convert import telemetry
from bridge.ports.host import Host, HostId
from bridge.ports.telemetry import CallTelemetry
from tests.fakes.clock import FakeClock
from tests.unit.workers.samples import sample

A, B = HostId("a"), HostId("b")


class Measured:
    """A host that has one call, until it dies."""

    def __init__(self, call: str, clock: FakeClock) -> None:
        self._call = ConnectionId(call)
        self._clock = clock
        self.dead = False

    async def telemetry(
        self, _call: ConnectionId | None, _tenant: TenantId | None, interval_s: float
    ) -> AsyncIterator[list[CallTelemetry]]:
        while True:
            await self._clock.sleep(interval_s)
            if self.dead:
                raise Unavailable("WORKER_LOST", "gone", 1.0)
            yield [sample(self._call)]


async def test_round_holds_the_calls_of_all_hosts_there_are() -> None:
    clock = FakeClock()
    first, second = Measured("one", clock), Measured("two", clock)
    hosts = {A: cast("Host", first)}
    rounds = merged(hosts, None, 1.0, clock)

    async def calls() -> list[str]:
        coming = asyncio.ensure_future(anext(rounds))
        await clock.advance(1.0)
        return sorted(telemetry(one).connection_id for one in await coming)

    assert await calls() == ["one"]
    hosts[B] = cast("Host", second)
    assert await calls() == ["one", "two"]
    first.dead = True
    assert await calls() == ["two"], "its death ends nobody else's figures"
    del hosts[A], hosts[B]
    assert await calls() == []
