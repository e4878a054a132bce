"""What around a call fails or hangs: the call still ends, once, and says what it can."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from bridge.errors import ModelError, RoomUnreachable
from bridge.ports.call import CallState, Ending, EndReason
from bridge.ports.control import CommandId, Interrupt, Refused
from bridge.ports.room import NetworkStats
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.fakes.model import FakeSession
from tests.fakes.room import FakeBot
from tests.unit.calls.rig import Carried, World, assert_well_told, carrying

_SPOKEN = "my card number is 4111"
_END = Ending(EndReason.API_ENDED, "EndCall")


async def end(call: Carried) -> None:
    call.call.end(_END)
    await settle()


@pytest.mark.parametrize("kind", [RoomUnreachable, RuntimeError])
async def test_room_that_cannot_be_deleted_ends_the_call_all_the_same(
    world: World, kind: type[Exception]
) -> None:
    world.rooms.deleting.error = kind(_SPOKEN)
    async with carrying(world) as call:
        await call.join()
        await end(call)
        await call.assert_ended(EndReason.API_ENDED)
    assert len(world.store.saved) == 1
    assert SPEC.room_name in world.livekit.rooms, "the sweep's to take away"


async def test_deleting_that_hangs_is_given_up(world: World) -> None:
    world.rooms.deleting.hang()
    async with carrying(world) as call:
        await end(call)
        assert call.state is CallState.ENDING
        await world.clock.advance(5)
        await call.assert_ended(EndReason.API_ENDED)


async def test_store_that_fails_costs_only_the_report(world: World) -> None:
    world.store.saving.error = ConnectionError(_SPOKEN)
    async with carrying(world) as call:
        await end(call)
        await call.assert_ended(EndReason.API_ENDED)


async def test_store_that_hangs_is_given_up(world: World) -> None:
    world.store.saving.hang()
    async with carrying(world) as call:
        await end(call)
        assert not call.call.is_over
        await world.clock.advance(5)
        await call.assert_ended(EndReason.API_ENDED)


async def test_nothing_is_told_behind_the_end_while_its_report_is_being_saved(
    world: World,
) -> None:
    world.store.saving.hang()
    async with carrying(world) as call:
        await end(call)
        refused = await call.call.control(CommandId("late"), Interrupt())
        assert refused == Refused("call_ending", "the end of the call has been decided")
        world.store.saving.recover()
        await call.assert_ended(EndReason.API_ENDED)


async def test_event_log_that_fails_for_a_while_loses_nothing(world: World) -> None:
    async with carrying(world) as call:
        world.events.appending.error = ConnectionError("no database")
        await call.join()
        await world.clock.advance(5)
        assert call.state is CallState.ACTIVE
        world.events.appending.recover()
        await world.clock.advance(2)
        await end(call)
        await call.assert_ended(EndReason.API_ENDED)


@pytest.mark.parametrize("hangs", [False, True])
async def test_event_log_that_is_gone_does_not_hold_the_end(world: World, hangs: bool) -> None:
    async with carrying(world) as call:
        await call.join()
        if hangs:
            world.events.appending.hang()
        else:
            world.events.appending.error = ConnectionError("no database")
        await end(call)
        assert not call.call.is_over
        await world.clock.advance(5)
        assert (await call.ended()).ending == _END
        assert call.task.done()
    assert len(world.store.saved) == 1


async def test_log_that_overflows_ends_the_call_and_the_end_is_still_told(world: World) -> None:
    async with carrying(world) as call:
        human = await call.join()
        world.events.appending.hang()
        while call.call.view().ending is None:
            human.mute()
            human.unmute()
            await settle()
        assert call.call.view().ending == Ending(EndReason.INTERNAL, "JournalOverflow")
        world.events.appending.recover()
        await settle()
        await call.assert_ended(EndReason.INTERNAL)


async def test_unforeseen_error_of_a_part_ends_the_call_without_its_text(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async with carrying(world) as call:
        await call.join()
        call.session.fail(cast("ModelError", RuntimeError(_SPOKEN)))
        await settle()
        report = await call.assert_ended(EndReason.INTERNAL)
    assert report.view.ending == Ending(EndReason.INTERNAL, "RuntimeError")
    assert _SPOKEN not in repr(report)
    assert _SPOKEN not in "".join(capsys.readouterr())


async def test_unforeseen_error_while_figures_are_taken_ends_the_call_as_decided(
    world: World,
) -> None:
    async def broken() -> NetworkStats:
        raise RuntimeError(_SPOKEN)

    async with carrying(world) as call:
        await call.join()
        call.bot.network_stats = broken  # type: ignore[method-assign]
        await end(call)
        await call.assert_ended(EndReason.API_ENDED)
        assert call.task.done()
        assert call.task.exception() is None, "one call's defect must not reach the others"


async def test_figures_that_do_not_come_are_not_waited_for(world: World) -> None:
    async def silent() -> NetworkStats:
        await asyncio.Event().wait()
        return NetworkStats()

    async with carrying(world) as call:
        await call.join()
        call.bot.network_stats = silent  # type: ignore[method-assign]
        await end(call)
        await world.clock.advance(1)
        await call.assert_ended(EndReason.API_ENDED)


async def test_livekit_that_dies_in_mid_call_is_to_blame(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        world.livekit.die()
        await settle()
        await call.assert_ended(EndReason.MEDIA_LOST)
    assert world.models.sessions[0].closed


async def test_room_that_cannot_be_created_makes_no_call(world: World) -> None:
    world.livekit.unreachable = True
    call = world.make_call(SPEC)
    with pytest.raises(RoomUnreachable):
        await call.open()
    assert world.events.taken == []
    assert await world.directory.get(SPEC.connection_id) is None


async def test_call_is_overdue_only_behind_all_its_limits(world: World) -> None:
    async with carrying(world) as call:
        await world.clock.advance(29)
        await call.join()
        await world.clock.advance(599)
        assert not call.call.is_overdue()
        await end(call)
    assert_well_told(world, SPEC)


async def test_ending_that_hangs_is_overdue_after_a_minute_however_long_the_call_might_last(
    world: World,
) -> None:
    async def stuck() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await released.wait()

    released = asyncio.Event()
    async with carrying(world) as call:
        await call.join()
        call.call._parts.spawn(stuck(), "stuck")
        await settle()
        await end(call)
        await world.clock.advance(59)
        assert not call.call.is_overdue()
        await world.clock.advance(2)
        assert call.call.is_overdue()
        released.set()
        await settle()
        await call.assert_ended(EndReason.API_ENDED)


@pytest.mark.parametrize("part", ["room", "model"])
async def test_part_that_just_stops_ends_the_call_as_our_fault(
    world: World, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence(_self: object) -> AsyncIterator[object]:
        return
        yield  # what makes it a generator

    stopping = FakeBot if part == "room" else FakeSession
    monkeypatch.setattr(stopping, "events", silence)
    async with carrying(world) as call:
        await settle()
        await call.assert_ended(EndReason.INTERNAL)


@pytest.mark.parametrize("jump_s", [-7200.0, 7200.0])
async def test_clock_that_is_set_meanwhile_changes_no_limit(world: World, jump_s: float) -> None:
    async with carrying(world) as call:
        await call.join()
        await world.clock.advance(10)
        world.clock.wall_is_off_s = jump_s
        await world.clock.advance(SPEC.limits.max_duration_s - 11)
        assert call.state is CallState.ACTIVE
        await world.clock.advance(1)
        report = await call.assert_ended(EndReason.MAX_DURATION)
    assert report.view.active_duration_s == pytest.approx(SPEC.limits.max_duration_s)


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
async def test_clock_that_is_set_while_a_call_begins_changes_no_set_up_time(
    world: World, jump_s: float
) -> None:
    async with carrying(world) as call:
        await world.clock.advance(2)
        world.clock.wall_is_off_s = jump_s
        await call.join()
        await world.clock.advance(1)
        assert call.call.view().active_duration_s == pytest.approx(1)
        report = call.call.report()
    assert report.setup.join_s == pytest.approx(2)
