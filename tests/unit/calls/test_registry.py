"""What can be known of a call, wherever it is in its life."""

import asyncio
from typing import Any

import pytest

from bridge.errors import Exhausted, NotFound, RoomUnreachable
from bridge.ids import ConnectionId
from bridge.messages import convert
from bridge.ports.call import CallState, CallView, EndReason
from bridge.ports.event import CallEvent, Warned
from bridge.ports.placement import CallFilter, Placed
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.unit.calls.desk import ACME, OTHER, desk_over, named, request
from tests.unit.calls.rig import EPOCH, HOST, World

UNKNOWN = ConnectionId("call-nobody-has")


async def test_unknown_calls_are_not_found(world: World) -> None:
    async with desk_over(world) as desk:
        registry = desk.registry
        for asking in (
            registry.view(UNKNOWN, None),
            registry.end(UNKNOWN, None),
            registry.report(UNKNOWN, None),
            registry.watch(UNKNOWN, None, 0),
            registry.telemetry(UNKNOWN, None, 1.0),
        ):
            with pytest.raises(NotFound) as refused:
                await asking
            assert refused.value.metadata == {"connection_id": UNKNOWN}


async def test_other_tenants_call_is_as_if_it_had_never_been(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request(tenant=ACME))
        for connection_id in (made.view.connection_id, UNKNOWN):
            registry = desk.registry
            asked: list[Any] = [
                registry.view(connection_id, OTHER),
                registry.end(connection_id, OTHER),
                registry.report(connection_id, OTHER),
                registry.watch(connection_id, OTHER, 0),
                registry.telemetry(connection_id, OTHER, 1.0),
            ]
            for asking in asked:
                with pytest.raises(NotFound) as refused:
                    await asking
                assert refused.value.reason == "CALL_NOT_FOUND"
                assert refused.value.message == "no such call"
                assert refused.value.metadata == {"connection_id": connection_id}
        for tenant_id in (ACME, None):
            view = await desk.registry.view(made.view.connection_id, tenant_id)
            assert view.spec == made.view.spec
        assert await desk.registry.slots_free(ACME) == 1
        assert await desk.registry.slots_free(OTHER) == 2


async def test_refusals_are_counted_by_tenant(world: World) -> None:
    async with desk_over(world, slots=0) as desk:
        for tenant in (ACME, ACME, OTHER):
            with pytest.raises(Exhausted):
                await desk.reception.create(request(tenant=tenant))
        assert [desk.registry.refused(tenant) for tenant in (ACME, OTHER, None)] == [2, 1, 3]


async def test_live_calls_are_seen_as_they_are_now(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        world.events.appending.hang()
        world.livekit.enter(made.token.jwt)
        await settle()
        view = await desk.registry.view(made.view.connection_id, None)
        assert view.state is CallState.ACTIVE
        (listed,) = await desk.registry.page(CallFilter(), None, 10)
        assert listed.state is CallState.ACTIVE
        world.events.appending.recover()


async def test_end_is_truthful_about_calls_that_ended_before(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        first, had_ended = await desk.registry.end(made.view.connection_id, None)
        assert (first.is_over, had_ended) == (True, False)
        again, had_ended = await desk.registry.end(made.view.connection_id, None)
        assert (again.ending, had_ended) == (first.ending, True)


async def test_end_of_a_call_that_ended_by_itself_changes_nothing(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        await world.clock.advance(30)
        view, had_ended = await desk.registry.end(made.view.connection_id, None)
        assert had_ended
        assert view.ending is not None
        assert view.ending.reason is EndReason.JOIN_TIMEOUT


async def test_end_of_a_call_that_is_still_starting_ends_it(world: World) -> None:
    world.rooms.creating.hang()
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        group.create_task(desk.reception.create(request(room_name=named("lobby"))))
        await settle()
        (starting,) = await desk.registry.page(CallFilter(), None, 10)
        ending = group.create_task(desk.registry.end(starting.connection_id, None))
        await settle()
        assert not ending.done()
        world.rooms.creating.recover()
        await settle()
        view, had_ended = ending.result()
        assert (view.is_over, had_ended) == (True, False)


async def test_end_of_a_call_that_never_began_finds_none(world: World) -> None:
    world.rooms.creating.hang()
    async with desk_over(world) as desk:
        starting = asyncio.ensure_future(desk.reception.create(request()))
        await settle()
        (view,) = await desk.registry.page(CallFilter(), None, 10)
        ending = asyncio.ensure_future(desk.registry.end(view.connection_id, None))
        await settle()
        world.rooms.creating.error = RoomUnreachable("no answer")
        world.rooms.creating._answers.set()
        outcomes = await asyncio.gather(starting, ending, return_exceptions=True)
        assert isinstance(outcomes[1], NotFound)


async def test_report_grows_until_the_call_has_ended(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        await settle()
        so_far = await desk.registry.report(made.view.connection_id, None)
        assert not so_far.complete
        assert so_far.setup.media_s is not None
        await desk.registry.end(made.view.connection_id, None)
        report = await desk.registry.report(made.view.connection_id, None)
        assert report.complete
        assert report == world.store.saved[0]


async def test_report_that_is_no_longer_kept_is_not_found(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        world.store.saving.error = ConnectionError("no database")
        await desk.registry.end(made.view.connection_id, None)
        with pytest.raises(NotFound) as refused:
            await desk.registry.report(made.view.connection_id, None)
        assert refused.value.reason == "REPORT_NOT_KEPT"


async def test_watcher_sees_everything_from_any_point_on(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        await settle()
        stream = await desk.registry.watch(made.view.connection_id, None, 2)
        await desk.registry.end(made.view.connection_id, None)
        seen = [event async for event in stream]
        assert [event.sequence for event in seen] == list(range(3, 3 + len(seen)))
        assert [event.is_last for event in seen] == [False] * (len(seen) - 1) + [True]


async def test_watcher_that_stops_does_not_end_the_call(world: World) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        made = await desk.reception.create(request())
        await settle()

        async def watch() -> None:
            async for _ in await desk.registry.watch(made.view.connection_id, None, 0):
                pass

        watching = group.create_task(watch())
        await settle()
        watching.cancel()
        await settle()
        assert (await desk.registry.view(made.view.connection_id, None)).state is CallState.WAITING


async def test_telemetry_of_a_call_that_has_ended_is_not_found(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        await desk.registry.end(made.view.connection_id, None)
        with pytest.raises(NotFound):
            await desk.registry.telemetry(made.view.connection_id, None, 1.0)


async def test_telemetry_of_all_is_a_tenant_s_own(world: World) -> None:
    async with desk_over(world) as desk, asyncio.TaskGroup() as group:
        await desk.reception.create(request())
        other = await desk.reception.create(request(tenant=OTHER))
        stream = await desk.registry.telemetry(None, OTHER, 1.0)

        async def first() -> list[str]:
            return [convert.telemetry(figures).connection_id for figures in await anext(stream)]

        reading = group.create_task(first())
        await world.clock.advance(1)
        assert reading.result() == [other.view.connection_id]


async def test_calls_are_listed_newest_first_by_their_filters(world: World) -> None:
    async with desk_over(world, slots=3) as desk:
        one = await desk.reception.create(request(metadata={"k": "1"}))
        await world.clock.advance(1)
        two = await desk.reception.create(request("patient", metadata={"k": "2"}))
        await desk.reception.create(request(tenant=OTHER))
        mine = await desk.registry.page(CallFilter(tenant_id=ACME), None, 10)
        assert [view.connection_id for view in mine] == [
            two.view.connection_id,
            one.view.connection_id,
        ]
        by_metadata = await desk.registry.page(CallFilter(metadata={"k": "1"}), None, 10)
        assert [view.connection_id for view in by_metadata] == [one.view.connection_id]


async def test_watcher_of_a_call_that_has_just_begun_waits_for_its_first_event(
    world: World,
) -> None:
    """A worker's first event may reach the front behind the answer to CreateRoom."""
    async with desk_over(world) as desk:
        placed = Placed(CallView(SPEC, HOST), HOST, EPOCH)
        await world.directory.add(placed)
        watching = asyncio.ensure_future(desk.registry.watch(SPEC.connection_id, None, 0))
        await world.clock.advance(0.5)
        assert not watching.done()
        first = CallEvent(SPEC.connection_id, 1, world.clock.now(), 0.0, Warned("n", "words"))
        await world.events.append(first)
        await world.clock.advance(0.1)
        assert (await anext(aiter(watching.result()))).sequence == 1


async def test_watcher_of_a_call_that_never_tells_anything_does_not_wait_for_ever(
    world: World,
) -> None:
    async with desk_over(world) as desk:
        await world.directory.add(Placed(CallView(SPEC, HOST), HOST, EPOCH))
        watching = asyncio.ensure_future(desk.registry.watch(SPEC.connection_id, None, 0))
        await world.clock.advance(3)
        with pytest.raises(NotFound) as refused:
            await watching
        assert refused.value.reason == "EVENTS_NOT_KEPT"
