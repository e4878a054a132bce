"""What every Directory does. A further adapter joins by a parameter of `directory`."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.ids import AgentId, ConnectionId, RoomName, TenantId
from bridge.ports.call import CallState, CallView, Ending, EndReason
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import CallFilter, CallPosition, Directory, Placed, RoomTaken, Totals
from bridge.workers.directory import MemoryDirectory
from tests.fakes.agents import SILENT, SPEC, numbered
from tests.stores import life

HOST, EPOCH = HostId("host-a"), Epoch(5)
ENDED_KEPT = 3


@pytest.fixture
async def directory(store_url: str) -> AsyncIterator[Directory]:
    async with life(store_url, calls=ENDED_KEPT) as records:
        yield records.directory


def view(number: int) -> CallView:
    spec = replace(numbered(number), created_at=SPEC.created_at + timedelta(seconds=number))
    return CallView(spec, HOST)


def placed(number: int) -> Placed:
    return Placed(view(number), HOST, EPOCH)


async def add(directory: Directory, *numbers: int) -> None:
    for number in numbers:
        assert await directory.add(placed(number)) is None


async def end(directory: Directory, *numbers: int) -> None:
    for number in numbers:
        await directory.update(replace(view(number), state=CallState.ENDED), EPOCH)


async def listed(
    directory: Directory, calls: CallFilter | None = None, after: int | None = None, limit: int = 99
) -> list[int]:
    marker = None if after is None else CallPosition.of(view(after))
    page = await directory.page(calls or CallFilter(), marker, limit)
    return [int(one.connection_id.removeprefix("call-")) for one in page]


async def test_call_is_found_by_its_id_and_its_room(directory: Directory) -> None:
    await add(directory, 1)
    assert await directory.get(ConnectionId("call-1")) == placed(1)
    assert await directory.in_room(RoomName("room-1")) == placed(1)
    assert await directory.get(ConnectionId("call-2")) is None
    assert await directory.in_room(RoomName("room-2")) is None


async def test_room_belongs_to_one_live_call(directory: Directory) -> None:
    await add(directory, 1)
    rival = replace(view(2).spec, room_name=RoomName("room-1"))
    taken = await directory.add(Placed(CallView(rival, HOST), HOST, EPOCH))
    assert taken == RoomTaken(ConnectionId("call-1"))
    assert await directory.get(ConnectionId("call-2")) is None
    assert await listed(directory) == [1]


async def test_room_is_free_again_behind_its_call_which_is_still_known(
    directory: Directory,
) -> None:
    await add(directory, 1)
    await end(directory, 1)
    assert await directory.in_room(RoomName("room-1")) is None
    heir = replace(view(2).spec, room_name=RoomName("room-1"))
    assert await directory.add(Placed(CallView(heir, HOST), HOST, EPOCH)) is None
    known = await directory.get(ConnectionId("call-1"))
    assert known is not None
    assert known.view.is_over


async def test_room_s_last_call_is_known_behind_its_end(directory: Directory) -> None:
    room = RoomName("room-1")
    assert await directory.last_in_room(room) is None
    await add(directory, 1)
    assert await directory.last_in_room(room) == placed(1)
    await end(directory, 1)
    last = await directory.last_in_room(room)
    assert last is not None
    assert last.view.is_over
    heir = Placed(CallView(replace(view(2).spec, room_name=room), HOST), HOST, EPOCH)
    await directory.add(heir)
    assert await directory.last_in_room(room) == heir


async def test_update_replaces_what_is_known(directory: Directory) -> None:
    await add(directory, 1)
    await directory.update(replace(view(1), state=CallState.ACTIVE), EPOCH)
    known = await directory.get(ConnectionId("call-1"))
    assert known is not None
    assert known.view.state is CallState.ACTIVE


async def test_update_from_an_earlier_life_is_not_heard(directory: Directory) -> None:
    await add(directory, 1)
    await directory.update(replace(view(1), state=CallState.ACTIVE), Epoch(4))
    assert await directory.get(ConnectionId("call-1")) == placed(1)


async def test_update_of_an_unknown_call_makes_none(directory: Directory) -> None:
    await directory.update(view(1), EPOCH)
    assert await listed(directory) == []


async def test_ended_call_stays_as_it_ended(directory: Directory) -> None:
    await add(directory, 1)
    await end(directory, 1)
    await directory.update(replace(view(1), state=CallState.ACTIVE), EPOCH)
    known = await directory.get(ConnectionId("call-1"))
    assert known is not None
    assert known.view.is_over


async def test_removed_call_was_never_there(directory: Directory) -> None:
    await add(directory, 1)
    for _ in range(2):
        await directory.remove(ConnectionId("call-1"))
    assert await directory.get(ConnectionId("call-1")) is None
    await add(directory, 1)


async def test_removing_an_ended_call_is_no_error_now_or_later(directory: Directory) -> None:
    await add(directory, 1)
    await end(directory, 1)
    await directory.remove(ConnectionId("call-1"))
    numbers = range(2, 2 + ENDED_KEPT + 2)
    await add(directory, *numbers)
    await end(directory, *numbers)
    assert len(await listed(directory)) == ENDED_KEPT


async def test_memory_forgets_the_calls_that_ended_first_and_live_ones_never() -> None:
    directory = MemoryDirectory(ended_calls=ENDED_KEPT)
    await add(directory, *range(1, 8))
    await end(directory, 5, 2, 3, 4, 6)
    assert await listed(directory) == [7, 6, 4, 3, 1]


async def test_pages_are_newest_first_and_cover_everything_once(directory: Directory) -> None:
    await add(directory, *range(1, 8))
    assert await listed(directory, limit=3) == [7, 6, 5]
    assert await listed(directory, after=5, limit=3) == [4, 3, 2]
    assert await listed(directory, after=2, limit=3) == [1]
    assert await listed(directory, after=1, limit=3) == []


async def test_calls_that_begin_meanwhile_do_not_move_pages(directory: Directory) -> None:
    await add(directory, 1, 2, 3)
    assert await listed(directory, limit=2) == [3, 2]
    await add(directory, 4)
    assert await listed(directory, after=2, limit=2) == [1]


async def test_pages_go_on_behind_a_call_that_is_gone(directory: Directory) -> None:
    await add(directory, *range(1, 8))
    assert await listed(directory, limit=2) == [7, 6]
    await directory.remove(ConnectionId("call-6"))
    assert await listed(directory, after=6, limit=2) == [5, 4]


async def test_calls_of_one_moment_have_their_place_by_their_ids(directory: Directory) -> None:
    for number in (2, 1, 3):
        twin = replace(numbered(number), created_at=SPEC.created_at)
        assert await directory.add(Placed(CallView(twin, HOST), HOST, EPOCH)) is None
    assert await listed(directory) == [3, 2, 1]
    behind = CallPosition(SPEC.created_at, ConnectionId("call-3"))
    page = await directory.page(CallFilter(), behind, 99)
    assert [one.connection_id for one in page] == ["call-2", "call-1"]


async def test_filters_must_all_hold(directory: Directory) -> None:
    other_agent = replace(SILENT, agent_id=AgentId("other"))
    for number, spec in {
        1: replace(view(1).spec, metadata={"k": "1", "l": "x"}),
        2: replace(view(2).spec, metadata={"k": "2"}, tenant_id=TenantId("globex")),
        3: replace(view(3).spec, metadata={"k": "1"}, agent=other_agent),
    }.items():
        assert await directory.add(Placed(CallView(spec, HOST), HOST, EPOCH)) is None, number
    await directory.update(replace(view(1), state=CallState.ACTIVE), Epoch(4))
    assert await listed(directory, CallFilter(tenant_id=TenantId("acme"))) == [3, 1]
    assert await listed(directory, CallFilter(agent_id=AgentId("other"))) == [3]
    assert await listed(directory, CallFilter(metadata={"k": "1"})) == [3, 1]
    assert await listed(directory, CallFilter(metadata={"k": "1", "l": "x"})) == [1]
    assert await listed(directory, CallFilter(metadata={"k": "2"}, agent_id=AgentId("other"))) == []
    assert await listed(directory, CallFilter(states=frozenset({CallState.ENDED}))) == []
    created = CallFilter(states=frozenset({CallState.CREATED, CallState.ENDED}))
    assert await listed(directory, created, limit=2) == [3, 2]
    assert await listed(directory, CallFilter(tenant_id=TenantId("acme")), after=3) == [1]


async def test_totals_are_of_one_tenant(directory: Directory) -> None:
    acme, other = TenantId("acme"), TenantId("other")
    await add(directory, 1, 2, 3)
    for number in (4, 5):
        spec = replace(view(number).spec, tenant_id=other)
        await directory.add(Placed(CallView(spec, HOST), HOST, EPOCH))
    assert await directory.totals(acme) == Totals(live=3, created=3)
    await directory.remove(ConnectionId("call-3"))
    ending = Ending(EndReason.API_ENDED)
    await directory.update(replace(view(1), state=CallState.ENDED, ending=ending), EPOCH)
    ended = {EndReason.API_ENDED: 1}
    assert await directory.totals(acme) == Totals(live=1, created=2, ended=ended)
    assert await directory.totals(other) == Totals(live=2, created=2)
    assert await directory.totals(TenantId("nobody")) == Totals()


async def test_totals_outlive_the_calls_that_are_kept(directory: Directory) -> None:
    for number in range(1, ENDED_KEPT + 3):
        await add(directory, number)
        over = replace(view(number), state=CallState.ENDED, ending=Ending(EndReason.API_ENDED))
        await directory.update(over, EPOCH)
    totals = await directory.totals(TenantId("acme"))
    assert totals.created == totals.ended[EndReason.API_ENDED] == ENDED_KEPT + 2
