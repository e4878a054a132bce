"""Comings, goings and broken connections: what they mean for a call, and whom they blame."""

from dataclasses import replace

import pytest

from bridge.ports.call import CallState, Ending, EndReason, Fault
from bridge.ports.event import LinkState, MediaStateChanged, ParticipantChange, ParticipantChanged
from bridge.ports.room_event import LeaveReason, MediaInterrupted, MediaResumed
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.unit.calls.rig import Carried, World, carrying, with_limits

CREATED, WAITING, ACTIVE, RECONNECTING, ENDING, ENDED = CallState


def changes(call: Carried) -> list[ParticipantChange]:
    return [kind.change for kind in call.kinds if isinstance(kind, ParticipantChanged)]


async def emit(call: Carried, event: MediaInterrupted | MediaResumed) -> None:
    call.bot.emit(event)
    await settle()


async def test_call_waits_for_its_caller_and_lives_with_it(world: World) -> None:
    async with carrying(world) as call:
        assert call.state is WAITING
        await world.clock.advance(5)
        await call.join()
        view = call.call.view()
        assert view.state is ACTIVE
        assert view.joined_at == world.clock.now()
        assert view.expires_at is not None
        assert (view.expires_at - view.joined_at).total_seconds() == 600
        await world.clock.advance(7)
        assert call.call.view().active_duration_s == 7
        assert changes(call) == [ParticipantChange.JOINED, ParticipantChange.MICROPHONE_ON]


async def test_caller_who_joins_in_time_stops_the_join_timeout(world: World) -> None:
    async with carrying(world) as call:
        await world.clock.advance(29.9)
        await call.join()
        await world.clock.advance(100)
        assert call.state is ACTIVE


async def test_page_that_reloads_keeps_the_call(world: World) -> None:
    async with carrying(world) as call:
        human = await call.join()
        human.leave()
        await world.clock.advance(2.9)
        assert call.state is RECONNECTING
        await call.join()
        await world.clock.advance(100)
        assert call.state is ACTIVE
        assert ParticipantChange.RETURNED in changes(call)


async def test_goodbye_is_waited_for_no_longer_than_the_grace(world: World) -> None:
    async with carrying(world, with_limits(rejoin_grace_s=1)) as call:
        (await call.join()).leave()
        await world.clock.advance(1)
        report = await call.assert_ended(EndReason.PARTICIPANT_LEFT)
        assert report.view.ending == Ending(EndReason.PARTICIPANT_LEFT, "the last caller hung up")
        assert report.view.ending.fault is Fault.NONE


async def test_no_grace_ends_at_once(world: World) -> None:
    async with carrying(world, with_limits(rejoin_grace_s=0)) as call:
        (await call.join()).leave(LeaveReason.LOST)
        await settle()
        await call.assert_ended(EndReason.PARTICIPANT_LOST)


async def test_rejoin_within_the_grace_keeps_the_call(world: World) -> None:
    async with carrying(world) as call:
        (await call.join()).leave(LeaveReason.LOST)
        await world.clock.advance(19.9)
        assert call.state is RECONNECTING
        await call.join()
        assert call.state is ACTIVE
        await world.clock.advance(100)
        assert call.state is ACTIVE


async def test_lost_caller_who_does_not_come_back_is_blamed(world: World) -> None:
    async with carrying(world) as call:
        (await call.join()).leave(LeaveReason.LOST)
        await world.clock.advance(20)
        report = await call.assert_ended(EndReason.PARTICIPANT_LOST)
        assert report.view.ending is not None
        assert report.view.ending.fault is Fault.CALLER


async def test_call_goes_on_while_anybody_is_there(world: World) -> None:
    async with carrying(world) as call:
        first = await call.join()
        world.enter(identity="caller-2")
        await settle()
        first.leave()
        await world.clock.advance(100)
        assert call.state is ACTIVE
        assert [one.connected for one in call.call.view().participants] == [False, True]


async def test_one_of_two_may_be_removed(world: World) -> None:
    async with carrying(world) as call:
        first = await call.join()
        world.enter(identity="caller-2")
        await settle()
        first.leave(LeaveReason.REMOVED)
        await world.clock.advance(100)
        assert call.state is ACTIVE


async def test_humans_already_in_a_foreign_room_are_callers(world: World) -> None:
    spec = replace(SPEC, foreign_room=True)
    await world.rooms.create_foreign(spec.room_name)
    world.enter(spec, identity="somebody").publish()
    async with carrying(world, spec) as call:
        assert call.state is ACTIVE


async def test_interrupted_media_reconnects_and_goes_on(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        with world.livekit.interrupted(SPEC.room_name):
            await settle()
            assert call.state is RECONNECTING
        await settle()
        assert call.state is ACTIVE
        await world.clock.advance(100)
        assert call.state is ACTIVE
        assert call.call.report().media.media_reconnects == 1
        links = [kind.state for kind in call.kinds if isinstance(kind, MediaStateChanged)]
        assert links == [
            LinkState.CONNECTING,
            LinkState.READY,
            LinkState.INTERRUPTED,
            LinkState.RESUMED,
        ]


async def test_media_that_does_not_come_back_is_livekit_s_fault(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        await emit(call, MediaInterrupted())
        await world.clock.advance(20)
        report = await call.assert_ended(EndReason.MEDIA_LOST)
        assert report.view.ending is not None
        assert report.view.ending.fault is Fault.MEDIA


@pytest.mark.parametrize("reason", [LeaveReason.LEFT, LeaveReason.LOST])
async def test_who_seems_to_leave_while_media_is_interrupted_is_not_blamed(
    world: World, reason: LeaveReason
) -> None:
    async with carrying(world) as call:
        human = await call.join()
        await emit(call, MediaInterrupted())
        human.leave(reason)
        await world.clock.advance(19.9)
        assert call.state is RECONNECTING
        await world.clock.advance(0.1)
        await call.assert_ended(EndReason.MEDIA_LOST)


async def test_who_left_just_before_the_interruption_is_not_blamed(world: World) -> None:
    async with carrying(world, with_limits(rejoin_grace_s=5)) as call:
        (await call.join()).leave(LeaveReason.LOST)
        await world.clock.advance(4)
        await emit(call, MediaInterrupted())
        await world.clock.advance(20)
        await call.assert_ended(EndReason.MEDIA_LOST)


@pytest.mark.parametrize("reason", [LeaveReason.LEFT, LeaveReason.LOST])
async def test_who_is_still_gone_when_media_is_back_is_waited_for(
    world: World, reason: LeaveReason
) -> None:
    async with carrying(world) as call:
        human = await call.join()
        await emit(call, MediaInterrupted())
        human.leave(reason)
        await world.clock.advance(10)
        await emit(call, MediaResumed())
        assert call.state is RECONNECTING
        await world.clock.advance(19.9)
        assert call.state is RECONNECTING
        await world.clock.advance(0.1)
        await call.assert_ended(EndReason.PARTICIPANT_LOST)


async def test_interruption_before_anybody_came_leads_back_to_waiting(world: World) -> None:
    async with carrying(world) as call:
        await emit(call, MediaInterrupted())
        assert call.state is RECONNECTING
        await emit(call, MediaResumed())
        assert call.state is WAITING
        await world.clock.advance(30)
        await call.assert_ended(EndReason.JOIN_TIMEOUT)


async def test_caller_who_cannot_be_seen_is_not_blamed_for_not_coming(world: World) -> None:
    async with carrying(world) as call:
        await world.clock.advance(29)
        await emit(call, MediaInterrupted())
        await world.clock.advance(1)
        report = await call.assert_ended(EndReason.MEDIA_LOST)
        assert report.view.ending is not None
        assert report.view.ending.fault is Fault.MEDIA


async def test_bot_that_does_not_get_in_is_not_the_caller_s_fault(world: World) -> None:
    world.rooms.joining.hang()
    async with carrying(world) as call:
        assert call.state is CREATED
        await world.clock.advance(30)
        await call.assert_ended(EndReason.MEDIA_CONNECT_FAILED)


async def test_microphones_are_told_of(world: World) -> None:
    async with carrying(world) as call:
        human = await call.join()
        human.mute()
        await settle()
        human.unmute()
        await settle()
        human.unpublish()
        await settle()
    on, off = ParticipantChange.MICROPHONE_ON, ParticipantChange.MICROPHONE_OFF
    assert changes(call)[:5] == [ParticipantChange.JOINED, on, off, on, off]
