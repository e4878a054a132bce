"""Who carries calls: exact slots, starts that are asked for twice, ends that free a slot."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bridge.calls.host import CallHost
from bridge.errors import Exhausted, NotFound, RoomUnreachable, Unavailable
from bridge.ids import TenantId
from bridge.ports.call import CallSpec, CallState, CallView, Ending, EndReason
from bridge.ports.host import Epoch
from bridge.ports.placement import Reservation
from bridge.ports.telemetry import CallTelemetry
from tests.fakes.agents import SPEC, numbered
from tests.fakes.clock import settle
from tests.unit.calls.rig import EPOCH, HOST, World, assert_well_told


@pytest.fixture
async def host(world: World) -> AsyncIterator[CallHost]:
    await world.placer.heartbeat(HOST, EPOCH, 2)
    async with world.make_host(slots=2) as it:
        yield it


async def start_all(host: CallHost, specs: list[CallSpec]) -> list[CallView | BaseException]:
    return await asyncio.gather(*(host.start(s, EPOCH) for s in specs), return_exceptions=True)


@pytest.mark.parametrize("slots", [1, 2, 7])
async def test_one_start_too_many_is_the_only_one_refused(world: World, slots: int) -> None:
    async with world.make_host(slots=slots) as host:
        outcomes = await start_all(host, [numbered(n) for n in range(slots + 1)])
        assert [type(outcome) for outcome in outcomes] == [CallView] * slots + [Exhausted]
        assert len(world.livekit.rooms) == slots
        status = host.status()
        assert (status.slots_total, status.slots_free) == (slots, 0)
        assert (status.calls_created, status.calls_refused) == (slots, 1)


async def test_start_that_is_about_to_finish_takes_one_slot_not_two(
    world: World, host: CallHost
) -> None:
    world.rooms.creating.hang()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(host.start(numbered(1), EPOCH))
        await settle()
        world.rooms.creating.recover()
        outcomes = []
        while not first.done():
            await asyncio.sleep(0)
            outcomes.append(host.status().slots_free)
    assert set(outcomes) == {1}


async def test_refusal_tells_when_to_come_back(world: World) -> None:
    async with world.make_host(slots=1) as host:
        await host.start(numbered(1), EPOCH)
        with pytest.raises(Exhausted) as refused:
            await host.start(numbered(2), EPOCH)
    assert refused.value.reason == "NO_FREE_SLOT"
    assert refused.value.retry_after_s > 0
    assert refused.value.metadata["slots"] == "1"


async def test_same_start_joins_the_first(world: World, host: CallHost) -> None:
    world.rooms.creating.hang()
    async with asyncio.TaskGroup() as group:
        starts = [group.create_task(host.start(SPEC, EPOCH)) for _ in range(3)]
        await settle()
        assert host.status().slots_free == 1
        world.rooms.creating.recover()
    assert len({start.result().connection_id for start in starts}) == 1
    assert host.status().calls_created == 1


async def test_same_start_after_the_first_finished_finds_its_call(
    world: World, host: CallHost
) -> None:
    await host.start(SPEC, EPOCH)
    again = await host.start(SPEC, EPOCH)
    assert again.connection_id == SPEC.connection_id
    assert host.status().calls_created == 1
    await settle()
    assert len(world.models.sessions) == 1


async def test_start_that_nobody_waits_for_any_more_still_begins(
    world: World, host: CallHost
) -> None:
    world.rooms.creating.hang()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(host.start(SPEC, EPOCH))
        await settle()
        asked.cancel()
        await settle()
        assert asked.cancelled()
        assert host.carries(SPEC.connection_id)
        world.rooms.creating.recover()
        await settle()
    assert host.view(SPEC.connection_id) is not None
    await world.clock.advance(30)
    report = assert_well_told(world, SPEC)
    assert report.view.ending is not None
    assert report.view.ending.reason is EndReason.JOIN_TIMEOUT


async def test_confirmed_slot_does_not_lapse_though_nobody_waited_for_the_start(
    world: World, host: CallHost
) -> None:
    assert isinstance(await world.placer.reserve(SPEC.connection_id, None), Reservation)
    world.rooms.creating.hang()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(host.start(SPEC, EPOCH))
        await settle()
        asked.cancel()
        world.rooms.creating.recover()
    await world.clock.advance(9)
    await world.placer.heartbeat(HOST, EPOCH, 2)
    await world.clock.advance(5)
    first = await world.placer.reserve(numbered(2).connection_id, None)
    second = await world.placer.reserve(numbered(3).connection_id, None)
    assert isinstance(first, Reservation)
    assert not isinstance(second, Reservation)


async def test_livekit_that_does_not_answer_refuses_one_start_and_harms_no_call(
    world: World, host: CallHost
) -> None:
    await host.start(numbered(1), EPOCH)
    world.rooms.creating.error = RoomUnreachable("LiveKit did not answer")
    with pytest.raises(Unavailable) as refused:
        await host.start(numbered(2), EPOCH)
    assert refused.value.reason == "LIVEKIT_UNAVAILABLE"
    world.rooms.creating.recover()
    await settle()
    view = host.view(numbered(1).connection_id)
    assert view is not None
    assert view.state is CallState.WAITING
    assert host.status().slots_free == 1
    await host.start(numbered(2), EPOCH)


async def test_defect_in_a_start_harms_no_call_and_keeps_its_text(
    world: World, host: CallHost, capsys: pytest.CaptureFixture[str]
) -> None:
    await host.start(numbered(1), EPOCH)
    world.rooms.creating.error = ValueError("a secret")
    with pytest.raises(Unavailable) as refused:
        await host.start(numbered(2), EPOCH)
    assert "a secret" not in str(refused.value) + "".join(capsys.readouterr())
    await settle()
    assert host.view(numbered(1).connection_id) is not None
    assert host.status().slots_free == 1


async def test_defect_in_a_call_harms_no_other(world: World) -> None:
    class Broken(Exception):
        pass

    def make(spec: CallSpec, epoch: Epoch) -> object:
        call = world.make_call(spec, epoch)
        if spec == numbered(1):

            async def run() -> None:
                raise Broken

            call.run = run  # type: ignore[method-assign]
        return call

    host = CallHost(slots=2, clock=world.clock, placer=world.placer, make_call=make)  # type: ignore[arg-type]
    async with host:
        await host.start(numbered(2), EPOCH)
        await host.start(numbered(1), EPOCH)
        await settle()
        assert host.view(numbered(1).connection_id) is None
        assert host.view(numbered(2).connection_id) is not None
        assert host.status().slots_free == 1


async def test_end_returns_when_the_slot_is_free(world: World, host: CallHost) -> None:
    await host.start(SPEC, EPOCH)
    world.store.saving.hang()
    async with asyncio.TaskGroup() as group:
        ending = group.create_task(host.end(SPEC.connection_id))
        await settle()
        assert not ending.done()
        world.store.saving.recover()
    view = ending.result()
    assert view is not None
    assert view.ending == Ending(EndReason.API_ENDED, "EndCall")
    assert host.status().slots_free == 2
    assert host.status().calls_ended == {EndReason.API_ENDED: 1}


async def test_end_asked_for_by_many_is_one_end(world: World, host: CallHost) -> None:
    await host.start(SPEC, EPOCH)
    views = await asyncio.gather(*(host.end(SPEC.connection_id) for _ in range(5)))
    assert all(view is not None and view.is_over for view in views)
    assert_well_told(world, SPEC)


async def test_call_that_is_still_starting_can_be_ended(world: World, host: CallHost) -> None:
    world.rooms.creating.hang()
    async with asyncio.TaskGroup() as group:
        group.create_task(host.start(SPEC, EPOCH))
        await settle()
        ending = group.create_task(host.end(SPEC.connection_id))
        await settle()
        world.rooms.creating.recover()
    view = ending.result()
    assert view is not None
    assert view.is_over


async def test_unknown_calls_are_not_carried(host: CallHost) -> None:
    unknown = SPEC.connection_id
    assert await host.end(unknown) is None
    assert host.view(unknown) is None
    assert await host.report(unknown) is None
    assert not host.carries(unknown)
    host.abort(unknown)
    with pytest.raises(NotFound):
        host.telemetry(unknown, None, 1.0)


async def test_telemetry_of_a_call_comes_every_interval_and_ends_with_it(
    world: World, host: CallHost
) -> None:
    await host.start(SPEC, EPOCH)
    stream = host.telemetry(SPEC.connection_id, None, 1.0)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(_read(stream))
        await world.clock.advance(2.4)
        await host.end(SPEC.connection_id)
    samples = reading.result()
    assert [round(sample[0].interval_s, 3) for sample in samples] == [1.0, 1.0, 0.4]
    assert {sample[0].connection_id for sample in samples} == {SPEC.connection_id}
    assert samples[-1][0].state is CallState.ENDED


async def test_figures_tell_the_lag_of_the_process(world: World, host: CallHost) -> None:
    await host.start(SPEC, EPOCH)
    world.clock.late_s = 0.125
    for figures in (host.telemetry(SPEC.connection_id, None, 1.0), host.telemetry(None, None, 1.0)):
        async with asyncio.TaskGroup() as group:
            coming = group.create_task(_next(figures))
            await world.clock.advance(1.2)
        assert [sample.loop_lag_s for sample in coming.result()] == [0.125]


async def test_telemetry_of_all_covers_the_calls_there_are(world: World, host: CallHost) -> None:
    await host.start(numbered(1), EPOCH)
    stream = host.telemetry(None, None, 1.0)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(_next(stream))
        await world.clock.advance(1)
        assert [sample.connection_id for sample in first.result()] == ["call-1"]
        second = group.create_task(_next(stream))
        await settle()
        await host.start(numbered(2), EPOCH)
        await world.clock.advance(1)
        assert [sample.connection_id for sample in second.result()] == ["call-1"]
        third = group.create_task(_next(stream))
        await world.clock.advance(1)
        assert [sample.connection_id for sample in third.result()] == ["call-1", "call-2"]
        await host.end(numbered(1).connection_id)
        fourth = group.create_task(_next(stream))
        await world.clock.advance(1)
        assert [sample.connection_id for sample in fourth.result()] == ["call-2"]


async def test_telemetry_is_a_tenant_s_own(host: CallHost, world: World) -> None:
    other = replace(numbered(2), tenant_id=TenantId("other"))
    await host.start(numbered(1), EPOCH)
    await host.start(other, EPOCH)
    with pytest.raises(NotFound):
        host.telemetry(other.connection_id, TenantId("acme"), 1.0)
    async with asyncio.TaskGroup() as group:
        sample = group.create_task(_next(host.telemetry(None, TenantId("acme"), 1.0)))
        await world.clock.advance(1)
    assert [one.connection_id for one in sample.result()] == ["call-1"]


async def _next(stream: AsyncIterator[list[CallTelemetry]]) -> list[CallTelemetry]:
    return await anext(stream)


async def _read(stream: AsyncIterator[list[CallTelemetry]]) -> list[list[CallTelemetry]]:
    return [samples async for samples in stream]
