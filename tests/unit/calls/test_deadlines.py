"""Which limits run, and which passes first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.calls.deadlines import Deadlines, Limit
from tests.fakes.clock import FakeClock, settle


@asynccontextmanager
async def waiting(deadlines: Deadlines) -> AsyncIterator[asyncio.Task[Limit]]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(deadlines.next_passed())
        await settle()
        yield task
        task.cancel()


async def test_limit_passes_when_its_time_is_up_and_not_before() -> None:
    clock = FakeClock()
    deadlines = Deadlines(clock)
    deadlines.start(Limit.JOIN, 10)
    async with waiting(deadlines) as task:
        await clock.advance(9.999)
        assert not task.done()
        await clock.advance(0.001)
        assert task.result() is Limit.JOIN
    assert not deadlines.is_running(Limit.JOIN)


async def test_earliest_limit_passes_first() -> None:
    clock = FakeClock()
    deadlines = Deadlines(clock)
    deadlines.start(Limit.DURATION, 20)
    deadlines.start(Limit.REJOIN, 5)
    async with waiting(deadlines) as task:
        await clock.advance(100)
        assert task.result() is Limit.REJOIN
    assert await deadlines.next_passed() is Limit.DURATION


async def test_limit_started_while_somebody_waits_is_heard_of() -> None:
    clock = FakeClock()
    deadlines = Deadlines(clock)
    async with waiting(deadlines) as task:
        await clock.advance(1000)
        assert not task.done()
        deadlines.start(Limit.DURATION, 50)
        deadlines.start(Limit.GOODBYE, 3)
        await clock.advance(3)
        assert task.result() is Limit.GOODBYE


async def test_stopped_limit_never_passes() -> None:
    clock = FakeClock()
    deadlines = Deadlines(clock)
    deadlines.start(Limit.REJOIN, 5)
    deadlines.start(Limit.GOODBYE, 6)
    async with waiting(deadlines) as task:
        await clock.advance(4)
        deadlines.stop(Limit.REJOIN, Limit.GOODBYE, Limit.MEDIA)
        await clock.advance(1000)
        assert not task.done()


async def test_limit_started_anew_is_moved() -> None:
    clock = FakeClock()
    deadlines = Deadlines(clock)
    deadlines.start(Limit.MEDIA, 5)
    async with waiting(deadlines) as task:
        await clock.advance(4)
        deadlines.start(Limit.MEDIA, 5)
        await clock.advance(4.5)
        assert not task.done()
        deadlines.start(Limit.MEDIA, 0.25)
        await clock.advance(0.25)
        assert task.result() is Limit.MEDIA


async def test_limit_of_no_time_passes_at_once() -> None:
    deadlines = Deadlines(FakeClock())
    deadlines.start(Limit.REJOIN, 0)
    assert await deadlines.next_passed() is Limit.REJOIN


async def test_cancelled_wait_loses_no_limit() -> None:
    clock = FakeClock()
    deadlines = Deadlines(clock)
    deadlines.start(Limit.JOIN, 5)
    async with waiting(deadlines):
        pass
    assert deadlines.is_running(Limit.JOIN)
    await clock.advance(5)
    assert await deadlines.next_passed() is Limit.JOIN
