"""Who gets a call, and what becomes of requests that do not."""

import asyncio
import json
from dataclasses import replace

import pytest

from bridge.calls.front.reception import Admission
from bridge.calls.front.request import AskedLimits
from bridge.calls.front.terms import ServerLimits
from bridge.errors import (
    AlreadyExists,
    Exhausted,
    InvalidRequest,
    NotFound,
    RoomUnreachable,
    Unavailable,
    WrongState,
)
from bridge.ids import is_bot
from bridge.ports.call import CallState, StartPolicy
from bridge.ports.recording import RecordingChange, RecordingPlan
from tests.fakes.agents import LIMITS
from tests.fakes.clock import settle
from tests.unit.calls.desk import LONGEST_S, OTHER, TTL_S, desk_over, named, request
from tests.unit.calls.rig import EPOCH, HOST, World


def grant(admission: Admission) -> dict[str, str]:
    granted: dict[str, str] = json.loads(admission.token.jwt)
    return granted


async def test_call_begins_in_a_room_of_its_own(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request(metadata={"k": "v"}))
        spec = made.view.spec
        assert spec.room_name in world.livekit.rooms
        assert not spec.foreign_room
        assert (spec.caller_name, spec.metadata, spec.limits) == ("Ada", {"k": "v"}, LIMITS)
        assert spec.start_policy is StartPolicy.ON_CREATE
        assert made.server_url == world.rooms.url
        assert await desk.registry.slots_free(None) == 1
        assert grant(made) == {"room": spec.room_name, "identity": made.identity, "name": "Ada"}
        assert made.identity == spec.caller_identity
        assert not is_bot(made.identity)
        assert (made.token.expires_at - world.clock.now()).total_seconds() == pytest.approx(
            TTL_S, abs=1
        )


async def test_ids_rooms_and_identities_are_never_the_same(world: World) -> None:
    async with desk_over(world) as desk:
        one = await desk.reception.create(request())
        two = await desk.reception.create(request())
        assert one.view.connection_id != two.view.connection_id
        assert one.view.spec.room_name != two.view.spec.room_name
        assert one.identity != two.identity


async def test_room_name_that_is_asked_for_is_given(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request(room_name=named("lobby")))
        assert made.view.spec.room_name == "lobby"
        with pytest.raises(AlreadyExists) as refused:
            await desk.reception.create(request(room_name=named("lobby")))
        assert refused.value.reason == "ROOM_TAKEN"
        assert desk.host.status().slots_free == 1


async def test_room_that_somebody_else_made_is_taken(world: World) -> None:
    await world.rooms.create_foreign(named("lobby"))
    async with desk_over(world) as desk:
        with pytest.raises(AlreadyExists):
            await desk.reception.create(request(room_name=named("lobby")))
        assert desk.host.status().slots_free == 2


async def test_room_name_is_free_again_behind_its_call(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request(room_name=named("lobby")))
        await desk.registry.end(made.view.connection_id, None)
        await desk.reception.create(request(room_name=named("lobby")))


async def test_simultaneous_requests_for_one_room_name_give_one_call(world: World) -> None:
    async with desk_over(world) as desk:
        world.rooms.asking.hang()
        asyncio.get_running_loop().call_later(0, world.rooms.asking.recover)
        outcomes = await asyncio.gather(
            *(desk.reception.create(request(room_name=named("lobby"))) for _ in range(2)),
            return_exceptions=True,
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "Admission",
            "AlreadyExists",
        ]
        assert desk.host.status().slots_free == 1


async def test_unknown_agent_takes_no_slot(world: World) -> None:
    async with desk_over(world) as desk:
        with pytest.raises(NotFound) as refused:
            await desk.reception.create(request("nobody"))
        assert refused.value.reason == "AGENT_NOT_FOUND"
        await desk.assert_nothing_left()


async def test_agent_of_a_tenant_is_found_by_that_tenant_only(world: World) -> None:
    async with desk_over(world) as desk:
        with pytest.raises(NotFound):
            await desk.reception.create(request("private"))
        await desk.reception.create(request("private", OTHER))


@pytest.mark.parametrize("slots", [1, 4])
async def test_one_simultaneous_request_too_many_is_refused(world: World, slots: int) -> None:
    async with desk_over(world, slots) as desk:
        outcomes = await asyncio.gather(
            *(desk.reception.create(request()) for _ in range(slots + 1)), return_exceptions=True
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, Exhausted)]
        assert len(refused) == 1
        assert sum(isinstance(outcome, Admission) for outcome in outcomes) == slots
        assert (refused[0].reason, refused[0].metadata["limit"]) == ("NO_FREE_SLOT", "slots")
        assert desk.registry.refused(None) + desk.host.status().calls_refused == 1
        assert await desk.listed() == slots


async def test_slot_is_free_again_when_end_returns(world: World) -> None:
    async with desk_over(world, slots=1) as desk:
        for _ in range(20):
            made = await desk.reception.create(request())
            await settle()
            await desk.registry.end(made.view.connection_id, None)


async def test_limits_come_from_the_request_then_the_agent_then_the_server(world: World) -> None:
    async with desk_over(world) as desk:
        asked = AskedLimits(max_duration_s=50, rejoin_grace_s=0)
        made = await desk.reception.create(request("patient", limits=asked))
        limits = made.view.spec.limits
        assert (limits.join_timeout_s, limits.max_duration_s, limits.rejoin_grace_s) == (
            120,
            50,
            0,
        )


async def test_agent_that_allows_itself_more_than_the_server_gets_the_server_s(
    world: World,
) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request("patient"))
        assert made.view.spec.limits.max_duration_s == LONGEST_S


async def test_limit_beyond_the_server_s_is_refused_and_takes_no_slot(world: World) -> None:
    async with desk_over(world) as desk:
        for _ in range(3):
            with pytest.raises(InvalidRequest) as refused:
                await desk.reception.create(
                    request(request_id="r1", limits=AskedLimits(max_duration_s=LONGEST_S + 1))
                )
            assert refused.value.violations[0].field == "limits.max_duration"
        await desk.reception.create(request(request_id="r1", body="mended"))
        await desk.reception.create(request())


async def test_livekit_that_does_not_answer_leaves_nothing_behind(world: World) -> None:
    async with desk_over(world) as desk:
        world.livekit.unreachable = True
        for _ in range(5):
            with pytest.raises(Unavailable) as refused:
                await desk.reception.create(request(request_id="r1"))
            assert refused.value.reason == "LIVEKIT_UNAVAILABLE"
            await desk.assert_nothing_left()
        world.livekit.unreachable = False
        await desk.reception.create(request(request_id="r1"))


async def test_livekit_that_cannot_tell_whether_a_room_exists_takes_no_slot(world: World) -> None:
    async with desk_over(world) as desk:
        world.livekit.unreachable = True
        with pytest.raises(Unavailable):
            await desk.reception.create(request(room_name=named("lobby")))
        await desk.assert_nothing_left()


async def test_client_that_hangs_up_before_a_start_fails_leaves_nothing_behind(
    world: World,
) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        world.rooms.creating.hang()
        asked = group.create_task(
            desk.reception.create(request(request_id="r1", room_name=named("lobby")))
        )
        await settle()
        asked.cancel()
        await settle()
        world.rooms.creating.recover()
        world.rooms.creating.error = RoomUnreachable("no answer")
        await settle()
        await desk.assert_nothing_left()
        world.rooms.creating.recover()
        await desk.reception.create(
            request(request_id="r1", body="other", room_name=named("lobby"))
        )


async def test_client_that_hangs_up_finds_its_call_when_it_asks_again(world: World) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        world.rooms.creating.hang()
        asked = group.create_task(desk.reception.create(request(request_id="r1")))
        await settle()
        asked.cancel()
        world.rooms.creating.recover()
        await settle()
        again = await desk.reception.create(request(request_id="r1"))
        assert again.view.state is CallState.WAITING
        assert desk.host.status().calls_created == 1


async def test_draining_host_refuses_and_leaves_nothing_behind(world: World) -> None:
    async with desk_over(world) as desk:
        await desk.host.drain(1)
        with pytest.raises(Unavailable) as refused:
            await desk.reception.create(request())
        assert refused.value.reason == "SERVER_DRAINING"
        await desk.assert_nothing_left()


async def test_server_whose_workers_all_drain_says_so_rather_than_that_it_is_full(
    world: World,
) -> None:
    async with desk_over(world) as desk:
        await desk.host.drain(1)
        await world.placer.heartbeat(HOST, EPOCH, 0)
        with pytest.raises(Unavailable) as refused:
            await desk.reception.create(request())
        assert refused.value.reason == "SERVER_DRAINING"
        assert desk.registry.refused(None) == 0
        await desk.assert_nothing_left()


async def test_retry_gets_the_same_call_and_a_fresh_token(world: World) -> None:
    async with desk_over(world) as desk:
        first = await desk.reception.create(request(request_id="r1"))
        await world.clock.advance(5)
        again = await desk.reception.create(request(request_id="r1"))
        assert again.view.connection_id == first.view.connection_id
        assert again.identity == first.identity
        assert again.token.expires_at > first.token.expires_at
        assert desk.host.status().calls_created == 1


async def test_retry_with_its_own_room_name_gets_the_same_call(world: World) -> None:
    async with desk_over(world) as desk:
        asked = request(request_id="r1", room_name=named("lobby"))
        first = await desk.reception.create(asked)
        again = await desk.reception.create(asked)
        assert again.view.connection_id == first.view.connection_id


@pytest.mark.parametrize("room", [None, "lobby"])
async def test_simultaneous_tries_are_one_call(world: World, room: str | None) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        world.rooms.creating.hang()
        asked = request(request_id="r1", room_name=None if room is None else named(room))
        tries = [group.create_task(desk.reception.create(asked)) for _ in range(4)]
        await settle()
        world.rooms.creating.recover()
        await settle()
        assert len({one.result().view.connection_id for one in tries}) == 1
        assert len({one.result().identity for one in tries}) == 1
        assert desk.host.status().slots_free == 1


async def test_retry_whose_question_about_the_room_is_slow_is_still_a_retry(world: World) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        asked = request(request_id="r1", room_name=named("lobby"))
        exists = world.rooms.exists
        slow = asyncio.Event()
        questions = 0

        async def second_is_slow(name: object) -> bool:
            nonlocal questions
            questions += 1
            if questions == 2:
                await slow.wait()
            return await exists(name)  # type: ignore[arg-type]

        world.rooms.exists = second_is_slow  # type: ignore[method-assign]
        first = group.create_task(desk.reception.create(asked))
        second = group.create_task(desk.reception.create(asked))
        await settle()
        slow.set()
        await settle()
        assert first.result().view.connection_id == second.result().view.connection_id


async def test_request_id_with_another_request_is_refused(world: World) -> None:
    async with desk_over(world) as desk:
        await desk.reception.create(request(request_id="r1", body="one"))
        with pytest.raises(AlreadyExists) as refused:
            await desk.reception.create(request(request_id="r1", body="two"))
        assert refused.value.reason == "REQUEST_ID_REUSED"
        assert desk.host.status().slots_free == 1


async def test_request_ids_are_a_tenant_s_own(world: World) -> None:
    async with desk_over(world) as desk:
        one = await desk.reception.create(request(request_id="r1", body="one"))
        two = await desk.reception.create(request(tenant=OTHER, request_id="r1", body="two"))
        assert one.view.connection_id != two.view.connection_id


async def test_other_tenant_s_request_id_opens_no_taken_room(world: World) -> None:
    async with desk_over(world) as desk:
        await desk.reception.create(request(request_id="r1", room_name=named("lobby")))
        with pytest.raises(AlreadyExists) as refused:
            await desk.reception.create(
                request(tenant=OTHER, request_id="r1", room_name=named("lobby"))
            )
        assert refused.value.reason == "ROOM_TAKEN"


async def test_retry_of_a_call_that_has_ended_is_told_so(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request(request_id="r1"))
        await desk.registry.end(made.view.connection_id, None)
        with pytest.raises(WrongState) as refused:
            await desk.reception.create(request(request_id="r1"))
        assert refused.value.reason == "CALL_ENDED"
        assert refused.value.metadata["connection_id"] == made.view.connection_id
        assert desk.host.status().slots_free == 2


async def test_retry_of_a_call_that_is_ending_is_told_so(world: World) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        made = await desk.reception.create(request(request_id="r1"))
        world.rooms.deleting.hang()
        group.create_task(desk.registry.end(made.view.connection_id, None))
        await settle()
        with pytest.raises(WrongState):
            await desk.reception.create(request(request_id="r1"))
        world.rooms.deleting.recover()


async def test_retry_while_every_slot_is_taken_still_gets_its_call(world: World) -> None:
    async with desk_over(world, slots=1) as desk:
        first = await desk.reception.create(request(request_id="r1"))
        again = await desk.reception.create(request(request_id="r1"))
        assert again.view.connection_id == first.view.connection_id
        assert replace(again.view, last_sequence=0).spec == first.view.spec


async def test_recording_where_there_is_no_place_for_it_is_refused_by_name(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request(recording=RecordingChange()))
        assert made.view.spec.recording == RecordingPlan()
        desk.reception._terms._limits = ServerLimits(LIMITS, LONGEST_S, TTL_S, records=False)
        with pytest.raises(InvalidRequest) as refused:
            await desk.reception.create(request(recording=RecordingChange()))
        assert [violation.field for violation in refused.value.violations] == ["recording"]
        unrecorded = request(recording=RecordingChange(enabled=False))
        assert (await desk.reception.create(unrecorded)).view.spec.recording is None
