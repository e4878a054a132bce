"""Memory forgets, too: a minute after a call's end it knows no more than may be kept."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.ports.event import Role, Transcript
from bridge.ports.report import CallReport
from bridge.retention import Retention
from bridge.store.discretion import GRACE_S, DiscreetReports
from bridge.store.memory import MemoryEventLog, MemoryStore
from bridge.v1 import event_pb2
from bridge.workers.directory import MemoryDirectory
from tests.fakes.clock import FakeClock
from tests.unit.store.calls import EPOCH, event, last, over, placed, report, view

CALL = view().connection_id
WORDS = Transcript("item-1", Role.USER, "Hello?", final=True)


class Memory:
    """All that a server's memory knows of one call."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.directory = MemoryDirectory(ended_calls=10)
        self.events = MemoryEventLog(events_per_call=10, ended_calls=10)
        self.reports = DiscreetReports(
            MemoryStore(reports=10), self.events, self.directory, self.clock
        )

    async def call(self, retention: Retention) -> None:
        """Carry a call from its beginning to its end."""
        of = view(retention=retention)
        await self.directory.add(placed(retention=retention))
        await self.events.keep(event(of, 1, WORDS))
        await self.reports.save(report(over(of)))
        await self.directory.update(over(of), EPOCH)
        await self.events.keep(last(of, 2))

    async def report(self) -> CallReport:
        found = await self.reports.report(CALL)
        assert found is not None
        return found

    async def told(self) -> list[event_pb2.CallEvent]:
        followed = await self.events.follow(CALL, 0)
        return [event_pb2.CallEvent.FromString(one.payload) async for one in followed]


@pytest.fixture
async def memory() -> AsyncIterator[Memory]:
    memory = Memory()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(memory.reports.run())
        yield memory
        running.cancel()


@pytest.mark.parametrize("retention", Retention)
async def test_all_is_known_for_a_minute(memory: Memory, retention: Retention) -> None:
    await memory.call(retention)
    await memory.clock.advance(GRACE_S - 1)
    assert (await memory.report()).turns[0].user_text == "Hello?"
    assert (await memory.told())[0].transcript.text == "Hello?"
    assert await memory.directory.get(CALL) is not None


@pytest.mark.parametrize(
    ("retention", "words"),
    [(Retention.METADATA, ""), (Retention.TRANSCRIPT, "Hello?"), (Retention.ALL, "Hello?")],
)
async def test_then_what_may_be_kept(memory: Memory, retention: Retention, words: str) -> None:
    await memory.call(retention)
    await memory.clock.advance(GRACE_S + 10)
    assert (await memory.report()).turns[0].user_text == words
    told = await memory.told()
    assert [one.sequence for one in told] == [1, 2]
    assert told[0].transcript.text == words
    assert await memory.directory.get(CALL) is not None


async def test_or_nothing(memory: Memory) -> None:
    await memory.call(Retention.NONE)
    reading = await memory.events.follow(CALL, 0)
    assert (await anext(reading)).sequence == 1
    await memory.clock.advance(GRACE_S + 10)
    assert await memory.reports.report(CALL) is None
    assert await memory.directory.get(CALL) is None
    with pytest.raises(KeyError):
        await memory.events.follow(CALL, 0)
    assert [one.sequence async for one in reading] == [2], "who is reading comes to the end"


async def test_what_memory_has_forgotten_anyway_is_no_trouble(memory: Memory) -> None:
    for _ in range(2):
        await memory.call(Retention.NONE)
    await memory.clock.advance(GRACE_S + 10)
    assert await memory.reports.report(CALL) is None
