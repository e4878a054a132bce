"""Health checks are told of a store that is stuck; the server is well without."""

import asyncio
from dataclasses import replace

import pytest

from bridge.cli.storing import HEALTH_NAME, tell_health
from bridge.ports.store import StoreBackend, StoreStatus
from tests.fakes.clock import FakeClock, settle
from tests.stores import life


class Checks:
    """What health checks would be told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []

    async def set_part(self, name: str, *, serving: bool) -> None:
        self.told.append((name, serving))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_health_follows_the_store(clock: FakeClock) -> None:
    status = StoreStatus(StoreBackend.SQLITE)
    checks = Checks()
    async with life("memory:") as records, asyncio.TaskGroup() as group:
        watched = replace(records, status=lambda: status)
        telling = group.create_task(tell_health(watched, checks, clock))
        await settle()
        status = replace(status, stuck_since=clock.now())
        await clock.advance(5)
        status = replace(status, stuck_since=None)
        await clock.advance(5)
        telling.cancel()
    assert checks.told == [(HEALTH_NAME, True), (HEALTH_NAME, False), (HEALTH_NAME, True)]


async def test_where_nothing_is_stored_nothing_is_told(clock: FakeClock) -> None:
    checks = Checks()
    async with life("memory:") as records:
        await tell_health(records, checks, clock)
    assert checks.told == []
