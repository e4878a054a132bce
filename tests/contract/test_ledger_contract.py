"""What every ledger of tenants' spending does, wherever it keeps it.

A further adapter joins by a parameter of `ledgers`: how a call tells it, and how a front asks it.
"""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from bridge.ids import ConnectionId, TenantId
from bridge.ports.budget import SpendingSink, Spent, TenantLedger
from bridge.store.ledger import MemoryLedger
from tests.stores import DURABLE, life, new_store
from tests.unit.calls.rig import World
from tests.unit.workers.told import front_that_is_told

DAY = date(2026, 11, 24)
ACME, OTHER = TenantId("acme"), TenantId("other")
ONE, TWO = ConnectionId("call-1"), ConnectionId("call-2")

Ledgers = tuple[SpendingSink, TenantLedger]


@pytest.fixture(params=["memory", "worker", *DURABLE])
async def ledgers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledgers]:
    """The ledger as a call sees it, and as a front does."""
    world = World()
    if request.param == "memory":
        yield world.ledger, world.ledger
    elif request.param in DURABLE:
        async with life(new_store(request.param, request, tmp_path)) as records:
            yield records.ledger, records.ledger
    else:
        async with front_that_is_told(world, tmp_path) as told, told.by() as front:
            yield front, world.ledger


async def test_nothing_is_spent_where_nothing_was_told(ledgers: Ledgers) -> None:
    assert await ledgers[1].spent(ACME, DAY) == Spent()


async def test_a_tenant_has_spent_what_its_calls_have_in_all(ledgers: Ledgers) -> None:
    sink, ledger = ledgers
    assert await sink.record(ACME, DAY, ONE, Spent(10, 10**15)) == Spent(10, 10**15)
    assert await sink.record(ACME, DAY, TWO, Spent(5, 7)) == Spent(15, 10**15 + 7)
    assert await ledger.spent(ACME, DAY) == Spent(15, 10**15 + 7)


async def test_a_later_sum_of_a_call_takes_the_place_of_the_earlier_one(ledgers: Ledgers) -> None:
    sink, ledger = ledgers
    await sink.record(ACME, DAY, TWO, Spent(1, 1))
    await sink.record(ACME, DAY, ONE, Spent(10, 100))
    assert await sink.record(ACME, DAY, ONE, Spent(12, 100)) == Spent(13, 101)
    assert await ledger.spent(ACME, DAY) == Spent(13, 101)


async def test_telling_again_changes_nothing_nor_does_what_comes_late(ledgers: Ledgers) -> None:
    sink, _ = ledgers
    for _ in range(2):
        assert await sink.record(ACME, DAY, ONE, Spent(10, 100)) == Spent(10, 100)
    assert await sink.record(ACME, DAY, ONE, Spent(9, 90)) == Spent(10, 100)


async def test_tenants_and_days_are_told_apart(ledgers: Ledgers) -> None:
    sink, ledger = ledgers
    tomorrow = DAY + timedelta(days=1)
    await sink.record(ACME, DAY, ONE, Spent(10, 0))
    await sink.record(OTHER, DAY, TWO, Spent(20, 0))
    await sink.record(ACME, tomorrow, ONE, Spent(30, 0))
    assert await ledger.spent(ACME, DAY) == Spent(10)
    assert await ledger.spent(OTHER, DAY) == Spent(20)
    assert await ledger.spent(ACME, tomorrow) == Spent(30)


async def test_calls_without_a_tenant_have_one_ledger_among_them(ledgers: Ledgers) -> None:
    sink, ledger = ledgers
    await sink.record(TenantId(""), DAY, ONE, Spent(10, 0))
    await sink.record(TenantId(""), DAY, TWO, Spent(10, 0))
    assert await ledger.spent(TenantId(""), DAY) == Spent(20)


async def test_yesterday_is_still_known(ledgers: Ledgers) -> None:
    sink, ledger = ledgers
    await sink.record(ACME, DAY - timedelta(days=1), ONE, Spent(10, 0))
    await sink.record(ACME, DAY, TWO, Spent(1, 0))
    await sink.record(ACME, DAY - timedelta(days=1), ONE, Spent(12, 0))
    assert await ledger.spent(ACME, DAY - timedelta(days=1)) == Spent(12)


async def test_what_was_spent_long_ago_takes_no_room_in_memory() -> None:
    ledger = MemoryLedger()
    for days in range(100):
        await ledger.record(ACME, DAY + timedelta(days=days), ONE, Spent(1, 1))
    assert await ledger.spent(ACME, DAY) == Spent()
    assert len(ledger._days) == len(ledger._totals) == 2
