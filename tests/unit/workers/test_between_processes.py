"""A host in another process is asked, and tells, as one in the same: over real sockets."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bridge import logs
from bridge.calls.host import CallHost
from bridge.errors import Exhausted, ModelError, ModelFailure, NotFound, Unavailable
from bridge.messages import convert
from bridge.own_process import OwnProcess
from bridge.ports.budget import Spent
from bridge.ports.call import AgentState, CallState, CallView, EndReason
from bridge.ports.event import CallEvent, Warned
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import Placed, RequestKey, Reservation
from bridge.ports.process import LogLevel
from bridge.ports.room_event import LeaveReason
from bridge.ports.room_news import HumanWent, RoomOver
from bridge.ports.tool import (
    ToolCallId,
    ToolInvocation,
    ToolOutput,
)
from bridge.workers.carrier import Carrier
from bridge.workers.front import Front, FrontLost
from bridge.workers.host_service import HostService
from bridge.workers.remote_host import RemoteHost
from bridge.workers.v1 import workers_service_pb2 as pb
from bridge.workers.v1 import workers_service_pb2_grpc as rpc
from bridge.workers.wire import channel, serving
from tests.fakes.agents import SPEC, numbered
from tests.fakes.clock import settle
from tests.unit.calls.rig import EPOCH, HOST, World
from tests.unit.workers.told import TOOL, Told, front_that_is_told, running

ONE, TWO = numbered(1), numbered(2)


@asynccontextmanager
async def remote(world: World, tmp_path: Path) -> AsyncIterator[tuple[CallHost, RemoteHost]]:
    """Yield a host with one slot, and the same host as a front sees it."""
    socket = tmp_path / "worker"
    async with world.make_host(slots=1) as host:
        service = HostService(host, OwnProcess())
        async with (
            serving(socket, lambda server: rpc.add_HostServiceServicer_to_server(service, server)),
            channel(socket) as to_worker,
        ):
            yield host, RemoteHost(to_worker, world.clock)


async def test_front_sees_what_a_worker_is_at(world: World, tmp_path: Path) -> None:
    async with remote(world, tmp_path) as (_, far):
        dump = await far.dump()
    assert dump.pid == os.getpid()
    assert "loop lag" in {task.name for task in dump.tasks}
    assert "MainThread" in {thread.name for thread in dump.threads}


async def test_front_sets_how_much_a_worker_logs(world: World, tmp_path: Path) -> None:
    before = logging.getLogger().level
    try:
        async with remote(world, tmp_path) as (_, far):
            await far.set_log_level(LogLevel.ERROR)
            assert logs.level() == "error"
    finally:
        logging.getLogger().setLevel(before)


async def test_call_is_started_seen_and_ended(world: World, tmp_path: Path) -> None:
    async with remote(world, tmp_path) as (host, far):
        view = await far.start(ONE, EPOCH)
        assert view.spec == ONE
        assert host.view(ONE.connection_id) is not None
        assert far.view(ONE.connection_id) == view
        report = await far.report(ONE.connection_id)
        assert report is not None
        assert report.view.spec == ONE
        ended = await far.end(ONE.connection_id)
        assert ended is not None
        assert ended.ending is not None
        assert ended.ending.reason is EndReason.API_ENDED
        assert await far.end(ONE.connection_id) is None, "not carried any more"
        assert await far.report(ONE.connection_id) is None


async def test_clock_that_is_set_changes_nothing_of_how_long_a_call_is_active(
    world: World, tmp_path: Path
) -> None:
    async with remote(world, tmp_path) as (host, far):
        await far.start(ONE, EPOCH)
        world.enter(ONE)
        await world.clock.advance(2)
        view = host.view(ONE.connection_id)
        assert view is not None
        far.saw(view)
        world.clock.wall_is_off_s = 3600.0
        await world.clock.advance(3)
        seen = far.view(ONE.connection_id)
        assert seen is not None
        assert seen.active_duration_s == pytest.approx(5)


async def test_what_livekit_says_of_a_room_reaches_its_call(world: World, tmp_path: Path) -> None:
    async with remote(world, tmp_path) as (host, far):
        await far.start(ONE, EPOCH)
        assert not await far.notice(TWO.connection_id, RoomOver(TWO.room_name))
        gone = HumanWent(ONE.room_name, ONE.caller_identity, LeaveReason.LOST)
        assert not await far.notice(ONE.connection_id, gone), "who never came"
        world.enter(ONE)
        await settle()
        assert await far.notice(ONE.connection_id, gone)
        view = host.view(ONE.connection_id)
        assert view is not None
        assert view.state is CallState.RECONNECTING


async def test_refusal_arrives_as_what_it_was(world: World, tmp_path: Path) -> None:
    async with remote(world, tmp_path) as (_, far):
        await far.start(ONE, EPOCH)
        with pytest.raises(Exhausted) as refused:
            await far.start(TWO, EPOCH)
        assert refused.value.reason == "NO_FREE_SLOT"
        assert refused.value.metadata == {"limit": "slots", "slots": "1"}
        assert refused.value.retry_after_s > 0


async def test_figures_of_an_unknown_call_are_not_found(world: World, tmp_path: Path) -> None:
    async with remote(world, tmp_path) as (_, far):
        with pytest.raises(NotFound):
            await anext(far.telemetry(ONE.connection_id, None, 1.0))


async def test_figures_come_every_interval_until_the_call_s_end(
    world: World, tmp_path: Path
) -> None:
    world.clock.late_s = 0.5
    async with remote(world, tmp_path) as (host, far):
        await far.start(ONE, EPOCH)
        figures = far.telemetry(ONE.connection_id, None, 1.0)
        coming = asyncio.ensure_future(anext(figures))
        while not coming.done():
            await world.clock.advance(1.0)
            await asyncio.sleep(0.01)  # the socket's own time is not ours to move
        sample = convert.telemetry(*coming.result())
        assert sample.connection_id == ONE.connection_id
        assert sample.loop_lag.ToMilliseconds() == 500
        await host.end(ONE.connection_id)
        assert [len(rest) async for rest in figures][-1:] == [1]


async def test_worker_that_is_gone_is_unavailable_not_a_defect(
    world: World, tmp_path: Path
) -> None:
    async with remote(world, tmp_path) as (_, far):
        pass
    async with channel(tmp_path / "worker") as to_nobody:
        far = RemoteHost(to_nobody, world.clock)
        for asking in (far.start(ONE, EPOCH), far.end(ONE.connection_id), far.drain(1)):
            with pytest.raises(Unavailable) as refused:
                await asking
            assert refused.value.reason == "WORKER_LOST"


def event(sequence: int) -> CallEvent:
    return CallEvent(SPEC.connection_id, sequence, SPEC.created_at, 0.0, Warned("n", "words"))


@pytest.fixture
async def told(world: World, tmp_path: Path) -> AsyncIterator[Told]:
    async with front_that_is_told(world, tmp_path) as told:
        yield told


async def test_events_told_at_once_are_kept_in_their_order(told: Told) -> None:
    async with told.by() as front:
        await asyncio.gather(*(front.append(event(sequence)) for sequence in range(1, 600)))
    kept = await told.world.events.follow(SPEC.connection_id, 0)
    assert [(await anext(kept)).sequence for _ in range(599)] == list(range(1, 600))


async def test_views_reports_and_drafts_reach_their_places(told: Told) -> None:
    view = CallView(SPEC, HOST, last_sequence=3)
    await told.world.directory.add(Placed(CallView(SPEC, HOST), HOST, EPOCH))
    async with told.by() as front, told.world.make_host() as host:
        await front.update(view, EPOCH)
        call = told.world.make_call(SPEC)
        front.draft(call.report())
        await front.append(event(1))
        (draft,) = told.life.host.drafts()
        await front.save(call.report())
        await front.beat(host.status(), 0.5, 1000)
    placed = await told.world.directory.get(SPEC.connection_id)
    assert placed is not None
    assert placed.view == view
    assert told.life.host.seen == [view]
    assert await told.world.store.report(SPEC.connection_id) == draft
    ((status, load, memory_bytes),) = told.life.beats
    assert (status.slots_total, load, memory_bytes) == (2, 0.5, 1000)


async def test_worker_says_at_once_that_it_lives(told: Told, tmp_path: Path) -> None:
    async with (
        told.by() as front,
        told.world.make_host() as host,
        Carrier(host, front, told.world.clock).serving(tmp_path / "worker"),
        asyncio.timeout(5),
    ):
        await told.life.beaten.wait()  # its clock stands still: there will be no second one


async def test_view_that_is_told_by_its_changes_is_the_same(told: Told) -> None:
    begun = CallView(SPEC, HOST, last_sequence=1)
    renamed = replace(SPEC, metadata={"case": "7"})
    told_of = [
        begun,
        replace(begun, spec=renamed, last_sequence=2, agent_state=AgentState.SPEAKING),
        replace(begun, spec=renamed, last_sequence=3, state=CallState.ENDED),
    ]
    await told.world.directory.add(Placed(begun, HOST, EPOCH))
    async with told.by() as front:
        for view in told_of:
            await front.update(view, EPOCH)
        await front.append(event(1))
    assert told.life.host.seen == told_of


async def test_details_of_a_call_are_there_for_whoever_asks_and_troubles_nobody_else(
    told: Told,
) -> None:
    begun = CallView(SPEC, HOST, last_sequence=1)
    speaking = replace(begun, last_sequence=2, agent_state=AgentState.SPEAKING)
    listening = replace(speaking, last_sequence=3, agent_state=AgentState.LISTENING)
    active = replace(listening, last_sequence=4, state=CallState.ACTIVE)
    await told.world.directory.add(Placed(begun, HOST, EPOCH))
    async with told.by() as front:
        for view in (begun, speaking, listening):
            await front.update(view, EPOCH)
        await front.append(event(1))
        assert told.life.host.view(SPEC.connection_id) == listening
        assert told.life.host.seen == [begun]
        await front.update(active, EPOCH)
        await front.append(event(2))
    assert told.life.host.seen == [begun, active], "with all that had gone before"
    placed = await told.world.directory.get(SPEC.connection_id)
    assert placed is not None
    assert placed.view == active


async def test_report_is_left_again_once_something_has_happened(told: Told) -> None:
    view = CallView(SPEC, HOST, last_sequence=1)
    report = replace(told.world.make_call(SPEC).report(), view=view, complete=False)
    later = replace(report, view=replace(view, last_sequence=2))
    async with told.by() as front:
        await front.update(view, EPOCH)
        front.draft(report)
        front.draft(replace(report, user_talk_s=9.0))
        await front.append(event(1))
        assert list(told.life.host.drafts()) == [report]
        front.draft(later)
        await front.append(event(2))
        assert told.life.host.draft(SPEC.connection_id) == later
        await front.update(replace(view, state=CallState.ENDED), EPOCH)
        await front.append(event(3))
        assert list(told.life.host.drafts()) == [], "its report is to come"


async def test_report_that_the_front_did_not_take_is_left_again(told: Told) -> None:
    view = CallView(SPEC, HOST, last_sequence=1)
    report = replace(told.world.make_call(SPEC).report(), view=view)
    async with told.by(epoch=Epoch(0)) as front:
        front.draft(report)
        with pytest.raises(FrontLost):
            await front.append(event(1))
        told.life.epoch = Epoch(0)
        await front.update(view, EPOCH)
        front.draft(report)
        await front.append(event(1))
    assert list(told.life.host.drafts()) == [report]


async def test_view_is_told_as_a_whole_again_where_the_front_did_not_take_it(told: Told) -> None:
    view = CallView(SPEC, HOST)
    async with told.by(epoch=Epoch(0)) as front:
        await front.update(view, EPOCH)
        with pytest.raises(FrontLost):
            await front.append(event(1))
        assert not told.life.host.seen
        told.life.epoch = Epoch(0)
        await front.update(view, EPOCH)
        await front.append(event(1))
    assert told.life.host.seen == [view]


async def test_slot_of_a_call_that_never_began_is_free_again_and_so_is_its_request(
    told: Told,
) -> None:
    world = told.world
    await world.placer.heartbeat(HOST, EPOCH, 1)
    key = RequestKey(SPEC.tenant_id, "again", b"same")
    assert isinstance(await world.placer.reserve(ONE.connection_id, key), Reservation)
    async with told.by() as front:
        await front.release(ONE.connection_id, forget_request=True)
        assert isinstance(await world.placer.reserve(TWO.connection_id, key), Reservation)
        await front.confirm(TWO.connection_id)
        await front.release(TWO.connection_id, forget_request=False)
    assert isinstance(await world.placer.reserve(ONE.connection_id, None), Reservation)


@pytest.mark.parametrize(("host", "epoch"), [(HOST, 0), (HostId("stranger"), EPOCH)])
async def test_earlier_life_of_a_worker_is_not_heard(told: Told, host: HostId, epoch: int) -> None:
    async with told.by(host, Epoch(epoch)) as front:
        with pytest.raises(FrontLost):
            await front.append(event(1))
    assert await told.world.events.last_sequence(SPEC.connection_id) == 0


async def test_front_that_does_not_answer_fails_what_was_told(tmp_path: Path) -> None:
    async with channel(tmp_path / "nobody") as to_nobody, asyncio.TaskGroup() as group:
        front = Front(to_nobody, HOST, EPOCH)
        with running(group, front), pytest.raises(FrontLost):
            await front.append(event(1))


def invocation() -> ToolInvocation:
    return ToolInvocation(
        tool_call_id=ToolCallId("call_1"),
        connection_id=SPEC.connection_id,
        tenant_id=SPEC.tenant_id,
        agent_id=SPEC.agent.agent_id,
        name="weather",
        arguments='{"city": "Ulm"}',
        deadline=SPEC.created_at,
    )


async def test_tool_is_executed_where_the_gateways_are(told: Told) -> None:
    async with told.by() as front:
        outcome = await front.executor(SPEC.agent.agent_id, TOOL).execute(invocation())
    assert outcome == ToolOutput('{"weather": "fine"}')
    assert told.tools.asked == [(SPEC.agent.agent_id, TOOL, invocation())]


@pytest.mark.parametrize("reason", ["interrupted", None])
async def test_tool_that_nobody_waits_for_any_more_is_cancelled_there_with_the_reason(
    told: Told, reason: str | None
) -> None:
    told.tools.works.clear()
    async with told.by() as front, asyncio.TaskGroup() as group:
        tool = front.executor(SPEC.agent.agent_id, TOOL)
        waiting = group.create_task(tool.execute(invocation()))
        while not told.tools.asked:
            await settle()
        waiting.cancel(reason)
        async with asyncio.timeout(5):
            await told.tools.cancelled.wait()
            await asyncio.wait({waiting})
        assert told.tools.reason == reason
        assert waiting.cancelled()


async def test_stopping_a_tool_that_is_over_is_no_error(told: Told) -> None:
    async with told.by() as front, channel(told.socket) as to_front:
        await front.executor(SPEC.agent.agent_id, TOOL).execute(invocation())
        late = pb.StopToolRequest(
            connection_id=SPEC.connection_id, tool_call_id="call_1", reason="interrupted"
        )
        await rpc.FrontServiceStub(to_front).StopTool(late)
    assert told.tools.reason is None


async def test_what_a_call_spends_is_recorded_at_the_front_alone(told: Told) -> None:
    async with told.by() as front:
        day = SPEC.created_at.date()
        spent = Spent(7, 10**17)
        assert await front.record(SPEC.tenant_id, day, SPEC.connection_id, spent) == spent
    assert await told.world.ledger.spent(SPEC.tenant_id, day) == spent


async def test_what_an_earlier_life_has_spent_is_not_taken(told: Told) -> None:
    async with told.by(HOST, Epoch(0)) as front:
        with pytest.raises(FrontLost):
            await front.record(
                SPEC.tenant_id, SPEC.created_at.date(), SPEC.connection_id, Spent(7, 0)
            )


async def test_worker_gets_a_key_for_each_connection(told: Told) -> None:
    async with told.by() as front:
        assert await front.key_for("m1", "user-1") == "ek_1"
        assert await front.key_for("m2", None) == "ek_2"
    assert told.keys.asked == [("m1", "user-1"), ("m2", None)]


async def test_why_there_is_no_key_arrives_as_what_it_was(told: Told) -> None:
    told.keys.failure = ModelError(ModelFailure.QUOTA, "http 429 insufficient_quota")
    async with told.by() as front:
        with pytest.raises(ModelError) as failed:
            await front.key_for("m1", None)
    assert failed.value.failure is ModelFailure.QUOTA
    assert failed.value.detail == "http 429 insufficient_quota"


async def test_strangers_and_earlier_lives_get_no_key(told: Told) -> None:
    async with told.by(epoch=Epoch(EPOCH - 1)) as earlier:
        with pytest.raises(ModelError) as failed:
            await earlier.key_for("m1", None)
    assert failed.value.failure is ModelFailure.UNAVAILABLE
    assert told.keys.asked == []
