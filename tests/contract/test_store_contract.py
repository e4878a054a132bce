"""What every event log, archive and store does, wherever it keeps what it is told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bridge.cli.storing import Records
from bridge.ids import ConnectionId
from bridge.messages.events import logged
from bridge.ports.call import CallState, CallView
from bridge.ports.event import CallEvent, Ended, EventKind, Warned
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import Placed
from bridge.ports.report import CallReport, MediaTotals, SetupTimes
from bridge.ports.store import EventRecords, EventsTrimmed, LoggedEvent, Store
from bridge.store.memory import MemoryEventLog, MemoryStore
from bridge.v1 import event_pb2
from tests.fakes.agents import SPEC, numbered
from tests.fakes.clock import settle
from tests.stores import life

KEPT = 5
HOST, EPOCH = HostId("host-a"), Epoch(1)
CALL = SPEC.connection_id


@pytest.fixture
async def records(store_url: str) -> AsyncIterator[Records]:
    """What a server keeps, with so little memory that a database has to help out."""
    async with life(store_url, calls=2, events=KEPT) as records:
        for call in (1, 2):
            await records.directory.add(Placed(CallView(numbered(call), HOST), HOST, EPOCH))
        yield records


@pytest.fixture
def log(records: Records) -> EventRecords:
    return records.events


@pytest.fixture
def store(records: Records) -> Store:
    return records.reports


@pytest.fixture
def memory_log() -> MemoryEventLog:
    """The log that stands in front of every other, and may be all there is."""
    return MemoryEventLog(events_per_call=KEPT, ended_calls=2)


def report(number: int = 1) -> CallReport:
    view = CallView(numbered(number), "host-a", state=CallState.ENDED)
    return CallReport(view, True, SetupTimes(), (), None, 0.0, MediaTotals(), ())


def event(sequence: int, kind: EventKind | None = None, call: ConnectionId = CALL) -> CallEvent:
    return CallEvent(call, sequence, SPEC.created_at, 0.0, kind or Warned("n", str(sequence)))


def last(sequence: int, call: ConnectionId = CALL) -> CallEvent:
    return event(sequence, Ended(report()), call)


async def append(log: EventRecords, *sequences: int) -> None:
    for sequence in sequences:
        await log.append(event(sequence))


async def collect(events: AsyncIterator[LoggedEvent], seen: list[int]) -> None:
    async for one in events:
        seen.append(one.sequence)  # noqa: PERF401 - seen by the test as it grows


class Followers:
    """Readers in tasks of their own."""

    def __init__(self, log: EventRecords, group: asyncio.TaskGroup) -> None:
        self._log = log
        self._group = group

    async def follow(self, after: int) -> tuple[list[int], asyncio.Task[None]]:
        seen: list[int] = []
        events = await self._log.follow(CALL, after)
        return seen, self._group.create_task(collect(events, seen))


@pytest.mark.parametrize("after", range(4))
async def test_follower_gets_what_is_behind_its_point_and_then_what_comes(
    log: EventRecords, after: int
) -> None:
    await append(log, 1, 2, 3)
    async with asyncio.TaskGroup() as group:
        seen, _ = await Followers(log, group).follow(after)
        await settle()
        assert seen == list(range(after + 1, 4))
        await log.append(event(4))
        await settle()
        await log.append(last(5))
    assert seen == list(range(after + 1, 6))


async def test_follower_ahead_of_the_call_waits_for_it(log: EventRecords) -> None:
    await append(log, 1)
    async with asyncio.TaskGroup() as group:
        seen, _ = await Followers(log, group).follow(3)
        await append(log, 2, 3)
        await settle()
        assert seen == []
        await log.append(event(4))
        await log.append(last(5))
    assert seen == [4, 5]


async def test_followers_get_the_same_each_at_its_own_pace(log: EventRecords) -> None:
    await append(log, 1)
    async with asyncio.TaskGroup() as group:
        followers = Followers(log, group)
        all_seen = [(await followers.follow(0))[0] for _ in range(5)]
        slow = await log.follow(CALL, 0)
        assert (await anext(slow)).sequence == 1
        await append(log, 2, 3)
        await log.append(last(4))
    assert all_seen == [[1, 2, 3, 4]] * 5
    rest: list[int] = []
    await collect(slow, rest)
    assert rest == [2, 3, 4]


async def test_follower_that_goes_away_leaves_the_others_alone(log: EventRecords) -> None:
    await append(log, 1)
    async with asyncio.TaskGroup() as group:
        followers = Followers(log, group)
        _, leaving = await followers.follow(0)
        seen, _ = await followers.follow(0)
        await settle()
        leaving.cancel()
        await settle()
        await log.append(last(2))
    assert seen == [1, 2]


async def test_follower_that_is_too_slow_finds_its_place_trimmed(
    memory_log: MemoryEventLog,
) -> None:
    await append(memory_log, 1)
    slow = await memory_log.follow(CALL, 0)
    assert (await anext(slow)).sequence == 1
    await append(memory_log, *range(2, 20))
    with pytest.raises(EventsTrimmed) as trimmed:
        await anext(slow)
    assert trimmed.value.metadata == {"first_kept": str(20 - KEPT)}
    assert trimmed.value.reason == "EVENTS_TRIMMED"


async def test_slow_follower_costs_the_others_nothing(log: EventRecords) -> None:
    await append(log, 1)
    async with asyncio.TaskGroup() as group:
        slow = await log.follow(CALL, 0)
        await anext(slow)
        seen, _ = await Followers(log, group).follow(0)
        for sequence in range(2, 20):
            await log.append(event(sequence))
            await settle()
        await log.append(last(20))
    assert seen == list(range(1, 21))


async def test_events_that_are_no_longer_kept_are_refused_from_the_start(
    memory_log: MemoryEventLog,
) -> None:
    await append(memory_log, *range(1, 11))
    with pytest.raises(EventsTrimmed):
        await anext(await memory_log.follow(CALL, 10 - KEPT - 1))
    assert (await anext(await memory_log.follow(CALL, 10 - KEPT))).sequence == 10 - KEPT + 1


async def test_following_an_ended_call_ends(log: EventRecords) -> None:
    await append(log, 1, 2)
    await log.append(last(3))
    for after, rest in {0: [1, 2, 3], 2: [3], 3: [], 99: []}.items():
        seen: list[int] = []
        await collect(await log.follow(CALL, after), seen)
        assert seen == rest


async def test_event_that_is_told_again_is_ignored(log: EventRecords) -> None:
    await append(log, 1, 2, 2, 1)
    await log.append(last(3))
    await log.append(last(3))
    seen: list[int] = []
    await collect(await log.follow(CALL, 0), seen)
    assert seen == [1, 2, 3]


async def test_unknown_call_cannot_be_followed(log: EventRecords) -> None:
    with pytest.raises(KeyError):
        await log.follow(ConnectionId("nobody"), 0)


async def test_calls_are_followed_apart(log: EventRecords) -> None:
    other = ConnectionId("call-2")
    await append(log, 1)
    await log.append(event(1, call=other))
    await log.append(last(2, other))
    await log.append(event(2))
    await log.append(last(3))
    seen: list[int] = []
    await collect(await log.follow(other, 0), seen)
    assert seen == [1, 2]


async def test_calls_that_ended_first_are_forgotten_but_not_while_they_are_followed(
    memory_log: MemoryEventLog,
) -> None:
    ids = [ConnectionId(f"ended-{number}") for number in range(3)]
    await memory_log.append(event(1, call=ids[0]))
    reading = await memory_log.follow(ids[0], 0)
    await append(memory_log, 1)
    for call in ids:
        await memory_log.append(last(2 if call == ids[0] else 1, call))
    with pytest.raises(KeyError):
        await memory_log.follow(ids[0], 0)
    seen: list[int] = []
    await collect(reading, seen)
    assert seen == [1, 2]
    assert (await anext(await memory_log.follow(CALL, 0))).sequence == 1, "live ones stay"


async def test_report_is_kept(store: Store) -> None:
    await store.save(report(1))
    assert await store.report(ConnectionId("call-1")) == report(1)
    assert await store.report(ConnectionId("call-2")) is None


async def test_report_saved_again_replaces_the_first(store: Store) -> None:
    await store.save(report(1))
    later = replace(report(1), user_talk_s=7.0)
    await store.save(later)
    assert await store.report(ConnectionId("call-1")) == later


async def test_memory_gives_up_the_oldest_reports() -> None:
    store = MemoryStore(reports=2)
    for number in (1, 2, 3):
        await store.save(report(number))
    kept = [await store.report(ConnectionId(f"call-{number}")) for number in (1, 2, 3)]
    assert kept == [None, report(2), report(3)]


async def test_event_is_kept_as_its_watchers_will_get_it(log: EventRecords) -> None:
    await log.append(event(1, Warned("code", "words")))
    await log.append(last(2))
    first, second = [one async for one in await log.follow(CALL, 0)]
    message = event_pb2.CallEvent.FromString(first.payload)
    assert (message.sequence, message.warning.message) == (1, "words")
    assert (first.is_last, second.is_last) == (False, True)
    assert event_pb2.CallEvent.FromString(second.payload).ended.report.complete


async def test_event_that_came_encoded_is_kept_as_it_came(log: EventRecords) -> None:
    encoded = logged(event(1))
    await log.keep(encoded)
    await log.keep(encoded)
    assert await anext(await log.follow(CALL, 0)) == encoded
