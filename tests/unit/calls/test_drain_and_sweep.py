"""Leaving, and looking after what stays: drains, stops, orphaned rooms, calls that do not end."""

import asyncio
from datetime import timedelta

import pytest

from bridge.calls.front.late_rooms import LateRooms
from bridge.calls.front.sweep import Sweep
from bridge.calls.host import CallHost
from bridge.calls.watchdog import Watchdog
from bridge.errors import RoomUnreachable, Unavailable
from bridge.ids import ConnectionId, RoomName
from bridge.ports.call import Ending, EndReason
from bridge.ports.room import RoomRequest
from tests.fakes.agents import numbered
from tests.fakes.clock import settle
from tests.fakes.room import FakeRooms
from tests.unit.calls.rig import EPOCH, World, assert_well_told

ONE, TWO = numbered(1), numbered(2)


def ending_of(world: World, number: int) -> Ending | None:
    return assert_well_told(world, numbered(number)).view.ending


async def test_draining_host_refuses_new_calls_and_waits_for_the_others(world: World) -> None:
    async with world.make_host() as host, asyncio.TaskGroup() as group:
        await host.start(ONE, EPOCH)
        draining = group.create_task(host.drain(60))
        await settle()
        assert host.status().draining
        with pytest.raises(Unavailable) as refused:
            await host.start(TWO, EPOCH)
        assert refused.value.reason == "SERVER_DRAINING"
        await world.clock.advance(29)
        assert not draining.done()
        await world.clock.advance(1)
        assert draining.done(), "the last call ended, by itself"
    assert ending_of(world, 1) == Ending(EndReason.JOIN_TIMEOUT, "limit passed: join")


async def test_drain_ends_what_is_left_when_its_time_is_up(world: World) -> None:
    async with world.make_host() as host, asyncio.TaskGroup() as group:
        await host.start(ONE, EPOCH)
        draining = group.create_task(host.drain(12))
        await world.clock.advance(11.9)
        assert not draining.done()
        await world.clock.advance(0.1)
        assert draining.done()
    ending = ending_of(world, 1)
    assert ending is not None
    assert ending.reason is EndReason.SERVER_DRAINING


async def test_drain_of_an_idle_host_is_over_at_once(world: World) -> None:
    async with world.make_host() as host:
        await host.drain(60)


async def test_drain_takes_calls_along_that_are_still_starting(world: World) -> None:
    world.rooms.creating.hang()
    async with world.make_host() as host, asyncio.TaskGroup() as group:
        group.create_task(host.start(ONE, EPOCH))
        await settle()
        draining = group.create_task(host.drain(5))
        await world.clock.advance(6)
        assert not draining.done()
        world.rooms.creating.recover()
        await settle()
        assert draining.done()
    ending = ending_of(world, 1)
    assert ending is not None
    assert ending.reason is EndReason.SERVER_DRAINING


async def test_leaving_the_host_ends_every_call(world: World) -> None:
    async with world.make_host() as host:
        await host.start(ONE, EPOCH)
        await host.start(TWO, EPOCH)
        await settle()
    for number in (1, 2):
        ending = ending_of(world, number)
        assert ending is not None
        assert ending.reason is EndReason.SERVER_DRAINING
    assert world.livekit.rooms == {}


async def test_leaving_the_host_ends_calls_that_are_still_starting(world: World) -> None:
    world.rooms.creating.hang()
    async with asyncio.TaskGroup() as group, world.make_host() as host:
        group.create_task(host.start(ONE, EPOCH))
        await settle()
        asyncio.get_running_loop().call_soon(world.rooms.creating.recover)
    assert world.livekit.rooms == {}
    ending = ending_of(world, 1)
    assert ending is not None
    assert ending.reason is EndReason.SERVER_DRAINING


def sweep_of(world: World, host: CallHost) -> Sweep:
    return Sweep(world.rooms, LateRooms(world.rooms, world.directory), host, world.clock)


async def leave_room_behind(world: World, number: int, host_id: str = "host-a") -> RoomName:
    name = RoomName(f"orphan-{number}")
    await FakeRooms(world.livekit, host_id).create(
        RoomRequest(name, ConnectionId(f"dead-{number}"), empty_timeout_s=60, max_participants=10)
    )
    return name


async def test_sweep_deletes_this_host_s_orphans_and_nobody_else_s(world: World) -> None:
    async with world.make_host() as host:
        orphan = await leave_room_behind(world, 1)
        other = await leave_room_behind(world, 2, host_id="host-b")
        await world.clock.advance(30)
        await sweep_of(world, host).once()
        assert orphan not in world.livekit.rooms
        assert other in world.livekit.rooms


async def test_sweep_leaves_young_rooms_to_those_who_are_entering_them(world: World) -> None:
    async with world.make_host() as host:
        orphan = await leave_room_behind(world, 1)
        await world.clock.advance(29.9)
        await sweep_of(world, host).once()
        assert orphan in world.livekit.rooms


async def test_sweep_never_touches_a_live_call_however_old(world: World) -> None:
    async with world.make_host() as host:
        spec = numbered(1)
        await host.start(spec, EPOCH)
        await settle()
        world.enter(spec).publish()
        sweep = sweep_of(world, host)
        for _ in range(19):
            await world.clock.advance(30)
            await sweep.once()
        room = world.livekit.rooms[spec.room_name]
        room.created_at -= timedelta(days=30)
        await sweep.once()
        assert spec.room_name in world.livekit.rooms
        assert host.view(spec.connection_id) is not None


async def test_watchdog_cuts_calls_that_do_not_end(world: World) -> None:
    async with world.make_host() as host:
        await host.start(ONE, EPOCH)
        await settle()
        stuck(host)
        await world.clock.advance(30 + 60)
        watchdog = Watchdog(host, world.clock)
        watchdog.once()
        await settle()
        assert host.view(ONE.connection_id) is not None, "not yet overdue"
        await world.clock.advance(1)
        watchdog.once()
        await settle()
        assert host.view(ONE.connection_id) is None
        assert host.status().slots_free == 2
    assert_well_told(world, ONE)


def stuck(host: CallHost) -> None:
    """Let the call's limits never pass."""
    parts = host._calls[ONE.connection_id]._parts
    (limits,) = (task for task in parts._tasks if "limits" in task.get_name())
    limits.cancel()


async def test_orphan_that_cannot_be_deleted_does_not_keep_the_others(world: World) -> None:
    async with world.make_host() as host:
        stubborn, other = await leave_room_behind(world, 1), await leave_room_behind(world, 2)
        await world.clock.advance(30)
        delete = world.rooms.delete

        async def delete_all_but_one(name: RoomName) -> None:
            if name == stubborn:
                raise RoomUnreachable("no answer")
            await delete(name)

        world.rooms.delete = delete_all_but_one  # type: ignore[method-assign]
        await sweep_of(world, host).once()
        assert stubborn in world.livekit.rooms
        assert other not in world.livekit.rooms


async def test_sweep_goes_on_after_livekit_was_away(world: World) -> None:
    async with world.make_host() as host, asyncio.TaskGroup() as group:
        orphan = await leave_room_behind(world, 1)
        world.livekit.unreachable = True
        sweeping = group.create_task(sweep_of(world, host).run())
        await world.clock.advance(45)
        assert not sweeping.done()
        world.livekit.unreachable = False
        await world.clock.advance(30)
        assert orphan not in world.livekit.rooms
        sweeping.cancel()
