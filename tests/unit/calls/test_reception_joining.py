"""Who gets into a room: one with a call, one without, one that somebody else made."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from bridge.calls.front.reception import Admission
from bridge.calls.front.request import AskedLimits, CallRequest
from bridge.errors import (
    Exhausted,
    InvalidRequest,
    NotFound,
    Refusal,
    RoomUnreachable,
    Unavailable,
    WrongState,
)
from bridge.ids import ConnectionId, RoomName
from bridge.ports.agent import AgentOverrides
from bridge.ports.call import CallState, StartPolicy
from bridge.ports.model_config import ContextItem, ItemRole
from bridge.ports.recording import RecordingChange
from bridge.retention import Retention
from tests.fakes.clock import settle
from tests.unit.calls.desk import OTHER, Desk, desk_over, named, request
from tests.unit.calls.rig import World

LOBBY = named("lobby")


async def join_at_once(desk: Desk, count: int) -> list[Admission]:
    """Let several ask before any of them has an answer."""
    asking = desk.world.rooms.asking
    asking.hang()
    async with asyncio.TaskGroup() as group:
        joins = [group.create_task(desk.reception.join(request(), LOBBY)) for _ in range(count)]
        await settle()
        asking.recover()
    return [join.result() for join in joins]


async def test_another_human_joins_the_call(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request(room_name=LOBBY))
        await settle()
        joined = await desk.reception.join(request(), LOBBY)
        assert joined.view.connection_id == made.view.connection_id
        assert joined.identity != made.identity
        assert json.loads(joined.token.jwt)["room"] == LOBBY
        for admission in (made, joined):
            world.livekit.enter(admission.token.jwt)
        await settle()
        view = await desk.registry.view(made.view.connection_id, None)
        assert view.state is CallState.ACTIVE
        assert len(view.participants) == 2
        assert desk.host.status().slots_free == 1


async def test_agent_need_not_be_named_where_the_room_has_one(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        await desk.reception.join(request(agent=""), made.view.spec.room_name)
        await desk.reception.join(request("greeter"), made.view.spec.room_name)


async def test_other_agent_than_the_call_s_is_refused(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        with pytest.raises(WrongState) as refused:
            await desk.reception.join(request("patient"), made.view.spec.room_name)
        assert refused.value.reason == "OTHER_AGENT"


async def why_not(desk: Desk, asked: CallRequest, room: RoomName) -> tuple[type, str]:
    """Return the refusal, in words that would be the same of any other room."""
    with pytest.raises(Refusal) as refused:
        await desk.reception.join(asked, room)
    shown = f"{refused.value.reason}: {refused.value.message} {refused.value.metadata}"
    return type(refused.value), shown.replace(room, "ROOM")


@pytest.mark.parametrize("agent", ["greeter", "patient", ""])
@pytest.mark.parametrize("may_enter", [True, False])
@pytest.mark.parametrize("livekit_answers", [True, False])
async def test_other_tenant_s_call_is_as_if_it_were_not_there(
    world: World, agent: str, *, may_enter: bool, livekit_answers: bool
) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        if not livekit_answers:
            world.rooms.asking.error = RoomUnreachable("gone")
        asked = request(agent, tenant=OTHER, may_enter_rooms=may_enter)
        answer = await why_not(desk, asked, made.view.spec.room_name)
        assert answer == await why_not(desk, asked, named("nowhere"))
        assert await desk.listed() == 1


async def test_room_that_is_no_call_s_is_not_there_for_whoever_may_not_enter_it(
    world: World,
) -> None:
    async with desk_over(world) as desk:
        await world.rooms.create_foreign(LOBBY)
        asked = request(may_enter_rooms=False)
        answer = await why_not(desk, asked, LOBBY)
        assert answer == await why_not(desk, asked, named("nowhere"))
        await desk.reception.join(request(), LOBBY)
        # Now it is a call's, and its own tenant's.
        assert (await desk.reception.join(asked, LOBBY)).view.spec.room_name == LOBBY


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metadata", {"k": "v"}),
        ("limits", AskedLimits(max_duration_s=5)),
        ("start_policy", StartPolicy.ON_JOIN),
        ("prior_connection_id", ConnectionId("call-0")),
        ("recording", RecordingChange()),
        ("retention", Retention.METADATA),
    ],
)
async def test_what_a_call_has_settled_cannot_be_asked_for(
    world: World, field: str, value: Any
) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        with pytest.raises(InvalidRequest) as refused:
            await desk.reception.join(request(**{field: value}), made.view.spec.room_name)
        assert [violation.field for violation in refused.value.violations] == [field]


async def test_overrides_of_a_call_that_has_begun_are_refused(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        asked = request()
        asked = replace(asked, agent=replace(asked.agent, overrides=AgentOverrides(speed=1.2)))
        with pytest.raises(InvalidRequest) as refused:
            await desk.reception.join(asked, made.view.spec.room_name)
        assert [violation.field for violation in refused.value.violations] == ["agent"]


async def test_what_the_agent_is_to_know_comes_too_late_for_a_call_that_has_begun(
    world: World,
) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        asked = request(context=(ContextItem(ItemRole.USER, "Hello?"),))
        with pytest.raises(InvalidRequest) as refused:
            await desk.reception.join(asked, made.view.spec.room_name)
        assert [one.field for one in refused.value.violations] == ["initial_messages"]


async def test_variables_of_a_call_that_has_begun_are_refused(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        asked = request()
        asked = replace(asked, agent=replace(asked.agent, variables={"order_id": "A-17"}))
        with pytest.raises(InvalidRequest) as refused:
            await desk.reception.join(asked, made.view.spec.room_name)
        assert [violation.field for violation in refused.value.violations] == ["variables"]


async def test_ending_call_lets_nobody_in(world: World) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        made = await desk.reception.create(request())
        world.rooms.deleting.hang()
        group.create_task(desk.registry.end(made.view.connection_id, None))
        await settle()
        with pytest.raises(WrongState) as refused:
            await desk.reception.join(request(), made.view.spec.room_name)
        assert refused.value.reason == "CALL_ENDED"
        world.rooms.deleting.recover()


async def test_room_that_does_not_exist_is_not_found(world: World) -> None:
    async with desk_over(world) as desk:
        with pytest.raises(NotFound) as refused:
            await desk.reception.join(request(), LOBBY)
        assert refused.value.reason == "ROOM_NOT_FOUND"
        await desk.assert_nothing_left()


async def test_room_without_a_call_needs_an_agent(world: World) -> None:
    await world.rooms.create_foreign(LOBBY)
    async with desk_over(world) as desk:
        with pytest.raises(InvalidRequest) as refused:
            await desk.reception.join(request(agent=""), LOBBY)
        assert refused.value.violations[0].field == "agent_id"


async def test_agent_is_sent_into_a_room_that_somebody_else_made(world: World) -> None:
    await world.rooms.create_foreign(LOBBY)
    async with desk_over(world) as desk:
        joined = await desk.reception.join(request(metadata={"k": "v"}), LOBBY)
        assert joined.view.spec.foreign_room
        assert joined.view.spec.metadata == {"k": "v"}
        await settle()
        assert len(world.livekit.rooms[LOBBY].bots) == 1
        await desk.registry.end(joined.view.connection_id, None)
        assert LOBBY in world.livekit.rooms


async def test_retried_join_of_a_foreign_room_gets_the_same_call_and_identity(
    world: World,
) -> None:
    await world.rooms.create_foreign(LOBBY)
    async with desk_over(world) as desk:
        asked = request(request_id="r1", metadata={"k": "v"})
        first = await desk.reception.join(asked, LOBBY)
        again = await desk.reception.join(asked, LOBBY)
        assert again.view.connection_id == first.view.connection_id
        assert again.identity == first.identity


@pytest.mark.parametrize("slots", [2, 5])
async def test_simultaneous_joins_of_a_foreign_room_are_one_call(world: World, slots: int) -> None:
    await world.rooms.create_foreign(LOBBY)
    async with desk_over(world, slots) as desk:
        joined = await join_at_once(desk, 2)
        assert len({one.view.connection_id for one in joined}) == 1
        assert len({one.identity for one in joined}) == 2
        await settle()
        assert len(world.livekit.rooms[LOBBY].bots) == 1
        assert desk.host.status().slots_free == slots - 1


async def test_simultaneous_joins_of_a_foreign_room_need_one_slot(world: World) -> None:
    await world.rooms.create_foreign(LOBBY)
    async with desk_over(world, slots=1) as desk:
        joined = await join_at_once(desk, 3)
        assert len({one.view.connection_id for one in joined}) == 1


async def test_foreign_room_gets_no_agent_while_every_slot_is_taken(world: World) -> None:
    await world.rooms.create_foreign(LOBBY)
    async with desk_over(world, slots=1) as desk:
        await desk.reception.create(request())
        with pytest.raises(Exhausted):
            await desk.reception.join(request(), LOBBY)
        assert await desk.listed() == 1


async def test_livekit_that_does_not_answer_is_unavailable(world: World) -> None:
    async with desk_over(world) as desk:
        world.livekit.unreachable = True
        with pytest.raises(Unavailable) as refused:
            await desk.reception.join(request(), LOBBY)
        assert refused.value.reason == "LIVEKIT_UNAVAILABLE"
        await desk.assert_nothing_left()
