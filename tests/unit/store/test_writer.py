"""The writer: it gathers, tries again, and lets nothing that cannot be written hold up the rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.store.pending import Batch, Pending
from bridge.store.writer import GATHER_S, LONGEST_PAUSE_S, NotTaken, Unwritable, Writer
from tests.fakes.clock import FakeClock, settle
from tests.unit.store.calls import event, placed, view


class FakeSink:
    """Implements Sink: it takes what it is given, or does not."""

    def __init__(self) -> None:
        self.taken: list[Batch] = []
        self.tries = 0
        self.is_locked = False
        self.is_hanging = False
        self.poison: set[int] = set()
        """Sequence numbers of events that no database could store."""

    async def write(self, batch: Batch) -> None:
        self.tries += 1
        if self.is_hanging:
            await asyncio.Event().wait()
        if self.is_locked:
            raise NotTaken("OperationalError")
        if any(one.sequence in self.poison for one in batch.events):
            raise Unwritable("DataError")
        self.taken.append(batch)

    @property
    def sequences(self) -> list[int]:
        return [one.sequence for batch in self.taken for one in batch.events]


class Scene:
    """A writer at work."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sink = FakeSink()
        self.pending = Pending()
        self.writer = Writer(self.sink, self.pending, self.clock)
        self.pending.enter(placed())

    def tell(self, *sequences: int) -> None:
        for sequence in sequences:
            self.pending.append(event(view(), sequence))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.writer.run())
            yield
            task.cancel()


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_what_waits_is_written_at_once_and_what_follows_is_gathered(scene: Scene) -> None:
    scene.tell(1)
    async with scene.at_work():
        await settle()
        assert scene.sink.sequences == [1]
        scene.tell(2)
        scene.tell(3)
        await settle()
        assert scene.sink.sequences == [1]
        await scene.clock.advance(GATHER_S)
        assert [len(batch.events) for batch in scene.sink.taken] == [1, 2]


async def test_batch_that_is_not_taken_is_tried_again_before_all_others(scene: Scene) -> None:
    scene.sink.is_locked = True
    scene.tell(1)
    async with scene.at_work():
        await scene.clock.advance(1)
        assert scene.writer.stuck_since is not None
        scene.tell(2)
        scene.sink.is_locked = False
        await scene.clock.advance(LONGEST_PAUSE_S)
        assert scene.sink.sequences == [1, 2]
        assert scene.writer.stuck_since is None


async def test_pauses_between_tries_grow_and_end_growing(scene: Scene) -> None:
    scene.sink.is_locked = True
    scene.tell(1)
    async with scene.at_work():
        await scene.clock.advance(60)
        begun = scene.sink.tries
        assert begun < 20
        await scene.clock.advance(10 * LONGEST_PAUSE_S)
        assert scene.sink.tries == begun + 10


async def test_store_that_says_nothing_is_asked_again(scene: Scene) -> None:
    scene.sink.is_hanging = True
    scene.tell(1)
    async with scene.at_work():
        await scene.clock.advance(30)
        assert scene.writer.stuck_since is not None
        scene.sink.is_hanging = False
        await scene.clock.advance(30)
        assert scene.sink.sequences == [1]


async def test_event_that_cannot_be_stored_does_not_hold_up_the_others(scene: Scene) -> None:
    scene.sink.poison = {2}
    scene.tell(1, 2, 3)
    async with scene.at_work():
        await scene.clock.advance(1)
        assert scene.sink.sequences == [1, 3]
        assert [row.connection_id for batch in scene.sink.taken for row in batch.calls] == [
            "call-1"
        ]
        assert scene.writer.stuck_since is None


async def test_defect_costs_what_was_taken_and_nothing_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    async with scene.at_work():
        with monkeypatch.context() as broken:
            broken.setattr("bridge.store.pending.call_row", fail)
            await scene.clock.advance(1)
        scene.tell(1)
        await scene.clock.advance(1)
        assert scene.sink.sequences == [1]


async def test_flush_waits_until_all_is_written(scene: Scene) -> None:
    scene.sink.is_locked = True
    scene.tell(*range(1, 1000))
    async with scene.at_work(), asyncio.TaskGroup() as group:
        flushing = group.create_task(scene.writer.flush(within_s=10))
        await scene.clock.advance(2)
        assert not flushing.done()
        scene.sink.is_locked = False
        await scene.clock.advance(5)
        assert flushing.result()
        assert scene.sink.sequences == list(range(1, 1000))


async def test_flush_does_not_wait_for_ever(scene: Scene) -> None:
    scene.sink.is_locked = True
    scene.tell(1)
    async with scene.at_work(), asyncio.TaskGroup() as group:
        flushing = group.create_task(scene.writer.flush(within_s=5))
        await scene.clock.advance(6)
        assert flushing.result() is False


async def test_between_batches_what_is_in_hand_is_written_and_nothing_is_taken(
    scene: Scene,
) -> None:
    scene.sink.is_locked = True
    scene.tell(1)
    async with scene.at_work(), asyncio.TaskGroup() as group:
        await settle()
        scene.tell(2)

        async def hold() -> list[int]:
            async with scene.writer.between_batches(within_s=20):
                held = scene.sink.sequences
                await scene.clock.sleep(10)
                assert scene.sink.sequences == held
                return held

        holding = group.create_task(hold())
        await settle()
        scene.sink.is_locked = False
        await scene.clock.advance(15)
        assert holding.result() == [1]
        assert scene.sink.sequences == [1, 2]


async def test_nobody_holds_the_writer_for_ever(scene: Scene) -> None:
    async with scene.at_work(), asyncio.TaskGroup() as group:
        await settle()

        async def hold() -> None:
            with pytest.raises(TimeoutError):
                async with scene.writer.between_batches(within_s=5):
                    await asyncio.Event().wait()

        holding = group.create_task(hold())
        await settle()
        scene.tell(1)
        await scene.clock.advance(6)
        assert holding.done()
        assert scene.sink.sequences == [1]


async def test_nobody_waits_for_ever_to_come_between_batches(scene: Scene) -> None:
    scene.sink.is_locked = True
    scene.tell(1)
    async with scene.at_work(), asyncio.TaskGroup() as group:

        async def hold() -> None:
            with pytest.raises(TimeoutError):
                async with scene.writer.between_batches(within_s=5):
                    pass

        await settle()
        holding = group.create_task(hold())
        await scene.clock.advance(6)
        assert holding.done()
        scene.sink.is_locked = False
        await scene.clock.advance(6)
        assert scene.sink.sequences == [1]
