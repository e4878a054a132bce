"""Who comes after the end of a call is not left alone, and nobody else's room is touched."""

from dataclasses import replace

import pytest

from bridge.calls.front.late_rooms import LateRooms
from bridge.errors import RoomUnreachable
from bridge.ids import ConnectionId, Identity, RoomName, new_caller_identity
from bridge.ports.call import CallSpec, CallState, CallView
from bridge.ports.placement import Placed
from bridge.ports.room import RoomRequest
from bridge.ports.room_event import LeaveReason
from tests.fakes.agents import numbered
from tests.fakes.room import FakeRooms
from tests.unit.calls.rig import EPOCH, HOST, World

OURS = numbered(1)
CHOSEN = replace(numbered(2), room_name=RoomName("support"))
FOREIGN = replace(numbered(3), room_name=RoomName("theirs"), foreign_room=True)
LIVE = numbered(4)


@pytest.fixture
async def late_rooms(world: World) -> LateRooms:
    """After the end of three calls, beside a fourth."""
    for spec in (OURS, CHOSEN, FOREIGN, LIVE):
        await world.directory.add(Placed(CallView(spec, HOST), HOST, EPOCH))
    for spec in (OURS, CHOSEN, FOREIGN):
        await world.directory.update(CallView(spec, HOST, state=CallState.ENDED), EPOCH)
    return LateRooms(world.rooms, world.directory)


@pytest.mark.parametrize("spec", [OURS, CHOSEN], ids=["our_name", "chosen_name"])
async def test_late_caller_is_put_out_of_the_room(
    world: World, late_rooms: LateRooms, spec: CallSpec
) -> None:
    late = world.enter(spec, new_caller_identity())
    await late_rooms.delete_all()
    assert late.gone is LeaveReason.ROOM_DELETED
    assert world.livekit.rooms == {}


@pytest.mark.parametrize(
    ("spec", "stays"), [(OURS, False), (CHOSEN, True)], ids=["our_name", "chosen_name"]
)
async def test_room_a_late_caller_has_left_goes_unless_its_name_is_the_gateway_s(
    world: World, late_rooms: LateRooms, spec: CallSpec, *, stays: bool
) -> None:
    world.enter(spec, new_caller_identity()).leave()
    await late_rooms.delete_all()
    assert (spec.room_name in world.livekit.rooms) is stays


@pytest.mark.parametrize("spec", [FOREIGN, LIVE], ids=["foreign_room", "live_call"])
async def test_room_that_is_no_past_call_s_own_stays(
    world: World, late_rooms: LateRooms, spec: CallSpec
) -> None:
    human = world.enter(spec, new_caller_identity())
    await late_rooms.delete_all()
    await late_rooms.delete(spec.room_name)
    assert human.gone is None


async def test_chosen_name_that_somebody_else_uses_again_is_left_alone(
    world: World, late_rooms: LateRooms
) -> None:
    late = world.enter(CHOSEN, new_caller_identity())
    world.enter(CHOSEN, Identity("somebody-else"))
    await late_rooms.delete_all()
    assert late.gone is None


async def test_room_that_another_server_has_made_for_a_call_is_left_alone(
    world: World, late_rooms: LateRooms
) -> None:
    theirs = RoomRequest(CHOSEN.room_name, ConnectionId("call-b"), 60, 10)
    await FakeRooms(world.livekit, "host-b").create(theirs)
    human = world.enter(CHOSEN, new_caller_identity())
    await late_rooms.delete_all()
    await late_rooms.delete(CHOSEN.room_name)
    assert human.gone is None


async def test_late_room_that_cannot_be_deleted_does_not_keep_the_others(
    world: World, late_rooms: LateRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = [world.enter(spec, new_caller_identity()) for spec in (OURS, CHOSEN)]
    delete = world.rooms.delete
    asked: list[RoomName] = []

    async def delete_all_but_the_first(name: RoomName) -> None:
        asked.append(name)
        if len(asked) == 1:
            raise RoomUnreachable("no answer")
        await delete(name)

    monkeypatch.setattr(world.rooms, "delete", delete_all_but_the_first)
    await late_rooms.delete_all()
    assert [caller.gone for caller in callers].count(LeaveReason.ROOM_DELETED) == 1
