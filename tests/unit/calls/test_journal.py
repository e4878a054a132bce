"""How a call's events get out: numbered without gaps, in order, whatever the log does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.calls.journal import Journal, JournalOverflow
from bridge.ports.call import CallView
from bridge.ports.event import Warned
from bridge.ports.host import Epoch
from bridge.ports.placement import Placed
from bridge.workers.directory import MemoryDirectory
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.unit.calls.rig import EPOCH, HOST, Answering, World

_MORE_THAN_EVER_WAITS = 5000


class SlowDirectory(MemoryDirectory):
    def __init__(self) -> None:
        super().__init__(ended_calls=1)
        self.updating = Answering()
        self.updated: list[int] = []

    async def update(self, view: CallView, epoch: Epoch) -> None:
        await self.updating.pass_through()
        await super().update(view, epoch)
        self.updated.append(view.last_sequence)


def note(number: int) -> Warned:
    return Warned("note", str(number))


def write_many(journal: Journal) -> None:
    for number in range(_MORE_THAN_EVER_WAITS):
        journal.write(note(number))


class Telling:
    """A journal that hands on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.directory = SlowDirectory()
        self.journal = Journal(SPEC.connection_id, EPOCH, world.clock, world.events, self.directory)

    @property
    def told(self) -> list[int]:
        return [event.sequence for event in self.world.events.taken]

    def view(self) -> CallView:
        return CallView(SPEC, HOST, last_sequence=self.journal.last_sequence)


@asynccontextmanager
async def telling(world: World) -> AsyncIterator[Telling]:
    it = Telling(world)
    await it.directory.add(Placed(it.view(), HOST, EPOCH))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(it.journal.run(it.view))
        yield it
        task.cancel()


async def test_events_are_numbered_without_gaps_and_told_in_order(world: World) -> None:
    async with telling(world) as it:
        for number in range(1, 6):
            it.journal.write(note(number))
        await settle()
        it.journal.write(note(6))
        await it.journal.flushed()
    assert it.told == [1, 2, 3, 4, 5, 6]
    assert [event.kind for event in world.events.taken] == [note(n) for n in range(1, 7)]
    assert it.journal.last_sequence == 6


async def test_events_carry_the_call_s_age(world: World) -> None:
    async with telling(world) as it:
        await world.clock.advance(2.5)
        it.journal.write(note(1))
        await it.journal.flushed()
    event = world.events.taken[0]
    assert (event.call_offset_s, event.at) == (2.5, world.clock.now())


async def test_nothing_written_means_flushed(world: World) -> None:
    async with telling(world) as it:
        await it.journal.flushed()


async def test_flushed_waits_for_the_last_event(world: World) -> None:
    world.events.appending.hang()
    async with telling(world) as it, asyncio.TaskGroup() as group:
        it.journal.write(note(1))
        flushed = group.create_task(it.journal.flushed())
        await settle()
        assert not flushed.done()
        world.events.appending.recover()
        await settle()
        assert flushed.done()
        assert it.told == [1]


async def test_directory_is_never_behind_the_log(world: World) -> None:
    async with telling(world) as it:
        it.directory.updating.hang()
        it.journal.write(note(1))
        await settle()
        it.journal.write(note(2))
        it.directory.updating.recover()
        await it.journal.flushed()
        assert it.told == [1, 2]
        assert it.directory.updated[-1] == 2


async def test_event_written_while_the_directory_is_told_waits_for_its_own_turn(
    world: World,
) -> None:
    async with telling(world) as it:
        seen_by_directory: list[tuple[int, int]] = []
        original = world.events.append

        async def append(event: object) -> None:
            seen_by_directory.append((it.told[-1] + 1 if it.told else 1, it.directory.updated[-1]))
            await original(event)  # type: ignore[arg-type]

        world.events.append = append  # type: ignore[method-assign]
        it.directory.updating.hang()
        it.journal.write(note(1))
        await settle()
        it.journal.write(note(2))
        it.directory.updating.recover()
        await it.journal.flushed()
    assert all(sequence <= known for sequence, known in seen_by_directory)


async def test_log_that_fails_is_asked_again_and_loses_nothing(world: World) -> None:
    world.events.appending.error = ConnectionError("no database")
    async with telling(world) as it:
        it.journal.write(note(1))
        it.journal.write(note(2))
        await world.clock.advance(10)
        assert it.told == []
        world.events.appending.recover()
        it.journal.write(note(3))
        await world.clock.advance(2)
        await it.journal.flushed()
    assert it.told == [1, 2, 3]


async def test_directory_that_fails_is_asked_again(world: World) -> None:
    async with telling(world) as it:
        it.directory.updating.error = ConnectionError("no directory")
        it.journal.write(note(1))
        await world.clock.advance(3)
        it.directory.updating.recover()
        await world.clock.advance(2)
        await it.journal.flushed()
    assert it.told == [1]


async def test_writing_never_waits_but_overflows(world: World) -> None:
    world.events.appending.hang()
    async with telling(world) as it:
        with pytest.raises(JournalOverflow):
            write_many(it.journal)
        written = it.journal.last_sequence
        it.journal.write(note(0), even_if_full=True)
        assert it.journal.last_sequence == written + 1, "the refused event took no number"
        world.events.appending.recover()
        await it.journal.flushed()
    assert it.told == list(range(1, written + 2))
