"""What LiveKit tells of rooms whose bots notice nothing, and what of it is believed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.calls.front.late_rooms import LateRooms
from bridge.calls.front.second_source import SecondSource
from bridge.ports.call import CallState, EndReason
from bridge.ports.room_event import LeaveReason
from bridge.ports.room_news import HumanCame, HumanWent, RoomOver
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.unit.calls.desk import Desk, desk_over, named, request
from tests.unit.calls.rig import World

if TYPE_CHECKING:
    from tests.fakes.room import FakeHuman


class Scene:
    """A call with a human in it, and LiveKit's news."""

    def __init__(self, desk: Desk, source: SecondSource) -> None:
        self.desk = desk
        self.world: World = desk.world
        self.source = source

    async def begin(self) -> None:
        made = await self.desk.reception.create(request())
        self.spec = made.view.spec
        await settle()
        self.human: FakeHuman = self.world.enter(self.spec)
        await settle()
        assert self.is_now(CallState.ACTIVE)

    def is_now(self, state: CallState) -> bool:
        view = self.desk.host.view(self.spec.connection_id)
        return view is not None and view.state is state

    def went(self, reason: LeaveReason = LeaveReason.LEFT) -> HumanWent:
        return HumanWent(self.spec.room_name, self.human.identity, reason)

    async def tell(self, news: RoomOver | HumanCame | HumanWent) -> None:
        self.source.tell(news)
        await self.world.clock.advance(2)


@asynccontextmanager
async def scene(world: World) -> AsyncIterator[Scene]:
    async with (
        desk_over(world) as desk,
        SecondSource(
            world.rooms,
            LateRooms(world.rooms, world.directory),
            world.directory,
            desk.registry,
            world.clock,
        ) as source,
    ):
        running = Scene(desk, source)
        await running.begin()
        yield running


async def test_call_whose_bot_does_not_notice_the_end_of_its_room_ends(world: World) -> None:
    async with scene(world) as call:
        with world.livekit.blind(call.spec.room_name):
            del world.livekit.rooms[call.spec.room_name]
            await world.clock.advance(60)
            assert call.is_now(CallState.ACTIVE), "nobody has noticed"
        await call.tell(RoomOver(call.spec.room_name))
        report = world.store.saved[-1]
    assert report.view.ending is not None
    assert report.view.ending.reason is EndReason.ROOM_DELETED
    assert report.view.ending.detail == "LiveKit says that the room is over"


async def test_last_human_s_leaving_that_the_bot_missed_begins_the_grace(world: World) -> None:
    async with scene(world) as call:
        with world.livekit.blind(call.spec.room_name):
            call.human.leave(LeaveReason.LOST)
        await world.clock.advance(60)
        assert call.is_now(CallState.ACTIVE)
        await call.tell(call.went(LeaveReason.LOST))
        assert call.is_now(CallState.RECONNECTING)
        await world.clock.advance(call.spec.limits.rejoin_grace_s)
        report = world.store.saved[-1]
    assert report.view.ending is not None
    assert report.view.ending.reason is EndReason.PARTICIPANT_LOST


async def test_who_comes_back_unseen_is_there_again(world: World) -> None:
    async with scene(world) as call:
        with world.livekit.blind(call.spec.room_name):
            call.human.leave(LeaveReason.LOST)
        await call.tell(call.went(LeaveReason.LOST))
        with world.livekit.blind(call.spec.room_name):
            world.enter(call.spec)
        await call.tell(HumanCame(call.spec.room_name, call.human.identity, "Ada"))
        assert call.is_now(CallState.ACTIVE)
        await world.clock.advance(60)
        assert call.is_now(CallState.ACTIVE)


async def test_news_that_livekit_does_not_confirm_are_not_believed(world: World) -> None:
    async with scene(world) as call:
        await call.tell(RoomOver(call.spec.room_name))
        await call.tell(call.went())
        assert call.is_now(CallState.ACTIVE)
        world.livekit.unreachable = True
        await call.tell(RoomOver(call.spec.room_name))
        await call.tell(call.went())
        assert call.is_now(CallState.ACTIVE)
        world.livekit.unreachable = False


async def test_what_the_bot_has_noticed_is_no_news(world: World) -> None:
    async with scene(world) as call:
        call.human.leave(LeaveReason.LOST)
        await settle()
        assert call.is_now(CallState.RECONNECTING)
        told = len(world.events.of(call.spec.connection_id))
        await call.tell(call.went(LeaveReason.LOST))
        assert len(world.events.of(call.spec.connection_id)) == told


async def test_stranger_who_came_and_went_unseen_changes_nothing(world: World) -> None:
    async with scene(world) as call:
        stranger = replace(SPEC, caller_identity=SPEC.caller_identity, room_name=named("x"))
        await call.tell(HumanWent(call.spec.room_name, stranger.caller_identity, LeaveReason.LEFT))
        assert call.is_now(CallState.ACTIVE)


async def test_news_of_rooms_that_are_no_call_s_cost_nothing(world: World) -> None:
    async with scene(world) as call:
        for number in range(2000):
            call.source.tell(RoomOver(named(f"other-{number}")))
            if number % 500 == 0:
                await settle()
        await settle()
        await call.tell(RoomOver(named("another")))
        assert call.is_now(CallState.ACTIVE)


async def test_flood_of_news_is_dropped_and_counted(world: World) -> None:
    async with scene(world) as call:
        for _ in range(1500):
            call.source.tell(call.went())
        await settle()
        assert call.source.dropped == 500
        assert call.is_now(CallState.ACTIVE)
        await world.clock.advance(2)


async def test_news_of_a_call_whose_host_is_gone_are_nobody_s(world: World) -> None:
    async with scene(world) as call:
        call.desk.registry._hosts = {}
        await call.tell(call.went())
        assert call.is_now(CallState.ACTIVE)


async def test_who_comes_after_the_end_is_put_out_at_once(world: World) -> None:
    async with scene(world) as call:
        call.human.leave()
        await world.clock.advance(call.spec.limits.rejoin_grace_s)
        assert await world.directory.in_room(call.spec.room_name) is None, "the call is over"
        late = world.enter(call.spec)
        call.source.tell(HumanCame(call.spec.room_name, late.identity, "Ada"))
        await settle()
        assert late.gone is LeaveReason.ROOM_DELETED
