"""Every way a call ends: once, for one reason, with one report, and nothing left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.ports.agent import SilenceStep
from bridge.ports.call import FAULT_OF, CallSpec, CallState, Ending, EndReason, Fault
from bridge.ports.event import Ended, StateChanged
from bridge.ports.model_event import ResponseDone, ResponseStarted, ResponseStatus
from bridge.ports.room import NetworkStats
from bridge.ports.room_event import LeaveReason
from bridge.ports.usage import TokenCounts
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.unit.calls.rig import Carried, World, carrying

Cause = Callable[[Carried], Awaitable[None]]
_SPOKEN = "my card number is 4111"


async def goodbye(call: Carried) -> None:
    (await call.join()).leave()
    await call.pass_time(3)


async def end_call(call: Carried) -> None:
    await call.join()
    assert call.call.end(Ending(EndReason.API_ENDED, "EndCall"))


async def stay_too_long(call: Carried) -> None:
    await call.join()
    await call.pass_time(600)


async def nobody_comes(call: Carried) -> None:
    await call.pass_time(30)


async def connection_dies(call: Carried) -> None:
    (await call.join()).leave(LeaveReason.LOST)
    await call.pass_time(20)


async def caller_is_removed(call: Carried) -> None:
    (await call.join()).leave(LeaveReason.REMOVED)


async def bot_is_replaced(call: Carried) -> None:
    call.bot.close(LeaveReason.DUPLICATE_IDENTITY)


async def room_is_deleted(call: Carried) -> None:
    await call.join()
    await call.world.rooms.delete(call.spec.room_name)


async def bot_is_lost(call: Carried) -> None:
    await call.join()
    call.bot.close(LeaveReason.LOST)


async def model_is_lost(call: Carried) -> None:
    await call.join()
    call.session.fail(ModelError(ModelFailure.LOST, "1006"))


async def session_expires(call: Carried) -> None:
    await call.join()
    call.session.fail(ModelError(ModelFailure.SESSION_EXPIRED))


async def nobody_speaks(call: Carried) -> None:
    await call.join()
    await call.pass_time(5)


async def server_drains(call: Carried) -> None:
    await call.join()
    call.call.end(Ending(EndReason.SERVER_DRAINING))


async def defect(call: Carried) -> None:
    await call.join()
    call.session.fail(cast("ModelError", RuntimeError(_SPOKEN)))


async def agent_ends_it(call: Carried) -> None:
    await call.join()
    [call_id] = call.session.call("hang_up")
    await settle()
    call.world.tools.answer(call_id)
    await settle()
    call.session.answer("tool", audio_ms=500, text="Goodbye.")
    await call.pass_time(1)


async def budget_is_spent(call: Carried) -> None:
    await call.join()
    call.session.push(
        ResponseStarted("r1", None),
        ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts(output_audio=10**9)),
    )
    await call.pass_time(30)  # for a notice, which this model never says


async def never() -> NetworkStats:
    await asyncio.Event().wait()
    return NetworkStats()


async def nothing(_: Carried) -> None:
    """What is set up before the call is cause enough."""


# All but WORKER_LOST: who is lost ends nothing; see test_bereaved.py.
CAUSES: dict[EndReason, Cause] = {
    EndReason.PARTICIPANT_LEFT: goodbye,
    EndReason.API_ENDED: end_call,
    EndReason.MAX_DURATION: stay_too_long,
    EndReason.JOIN_TIMEOUT: nobody_comes,
    EndReason.PARTICIPANT_LOST: connection_dies,
    EndReason.PARTICIPANT_REMOVED: caller_is_removed,
    EndReason.DUPLICATE_IDENTITY: bot_is_replaced,
    EndReason.ROOM_DELETED: room_is_deleted,
    EndReason.MEDIA_CONNECT_FAILED: nothing,
    EndReason.MEDIA_LOST: bot_is_lost,
    EndReason.MODEL_AUTH: nothing,
    EndReason.MODEL_QUOTA: nothing,
    EndReason.MODEL_RATE_LIMITED: nothing,
    EndReason.MODEL_CONFIG_REJECTED: nothing,
    EndReason.MODEL_UNAVAILABLE: nothing,
    EndReason.MODEL_LOST: model_is_lost,
    EndReason.MODEL_SESSION_EXPIRED: session_expires,
    EndReason.IDLE_TIMEOUT: nobody_speaks,
    EndReason.SERVER_DRAINING: server_drains,
    EndReason.INTERNAL: defect,
    EndReason.AGENT_ENDED: agent_ends_it,
    EndReason.BUDGET_EXCEEDED: budget_is_spent,
}


def prepare(world: World, reason: EndReason) -> None:
    """Set up what goes wrong before anybody comes."""
    if reason is EndReason.MEDIA_CONNECT_FAILED:
        world.rooms.joining_fails = True
    elif CAUSES[reason] is nothing:
        failure = ModelFailure[reason.name.removeprefix("MODEL_")]
        world.models.refusal = ModelError(failure, "refused")


def spec_for(reason: EndReason) -> CallSpec:
    """Return a call that can end so."""
    if reason is not EndReason.IDLE_TIMEOUT:
        return SPEC
    return replace(SPEC, agent=replace(SPEC.agent, silence=(SilenceStep(5, ends=True),)))


async def end_by(reason: EndReason, world: World, call: Carried) -> None:
    del world
    await CAUSES[reason](call)
    await call.pass_time(0)


@pytest.mark.parametrize("reason", CAUSES)
async def test_every_reason_gives_one_end_and_leaves_nothing_behind(
    world: World, reason: EndReason
) -> None:
    prepare(world, reason)
    async with carrying(world, spec_for(reason)) as call:
        await end_by(reason, world, call)
        report = await call.assert_ended(reason)
        assert call.task.done()
    assert report.view.ending is not None
    assert report.view.ending.fault is FAULT_OF[reason]
    assert report.view.ended_at is not None
    assert _SPOKEN not in report.view.ending.detail
    assert world.store.saved == [report]
    assert SPEC.room_name not in world.livekit.rooms
    assert all(session.closed for session in world.models.sessions)
    placed = await world.directory.get(SPEC.connection_id)
    assert placed is not None
    assert placed.view.state is CallState.ENDED
    assert placed.view.ending == report.view.ending


@pytest.mark.parametrize("reason", CAUSES)
async def test_foreign_rooms_are_left_standing_without_the_bot(
    world: World, reason: EndReason
) -> None:
    spec = replace(spec_for(reason), foreign_room=True)
    await world.rooms.create_foreign(spec.room_name)
    prepare(world, reason)
    async with carrying(world, spec) as call:
        await end_by(reason, world, call)
        await call.assert_ended(reason)
    if reason is not EndReason.ROOM_DELETED:  # somebody else did that
        assert world.rooms.deleted == []
        assert world.livekit.rooms[spec.room_name].bots == {}


async def test_first_of_two_causes_wins(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        call.session.fail(ModelError(ModelFailure.LOST))
        assert call.call.end(Ending(EndReason.API_ENDED, "EndCall"))
        assert not call.call.end(Ending(EndReason.SERVER_DRAINING))
        await settle()
        report = await call.assert_ended(EndReason.API_ENDED)
    assert report.view.ending == Ending(EndReason.API_ENDED, "EndCall")


async def test_call_that_is_ended_before_it_runs_still_ends_well(world: World) -> None:
    call = world.make_call(SPEC)
    await call.open()
    call.end(Ending(EndReason.API_ENDED))
    await call.run()
    told = world.events.of(SPEC.connection_id)
    states = [event.kind.state for event in told if isinstance(event.kind, StateChanged)]
    assert states == [CallState.CREATED, CallState.ENDING, CallState.ENDED]
    assert isinstance(told[-1].kind, Ended)
    assert world.models.configs == []


async def test_end_waits_until_everything_is_taken_down(world: World) -> None:
    world.rooms.deleting.hang()
    async with carrying(world) as call, asyncio.TaskGroup() as group:
        ended = group.create_task(call.call.ended())
        call.call.end(Ending(EndReason.API_ENDED))
        await settle()
        assert call.state is CallState.ENDING
        assert not ended.done()
        world.rooms.deleting.recover()
        await settle()
        assert ended.done()
        assert call.call.is_over


async def test_report_asked_for_at_the_end_is_the_one_that_was_told(world: World) -> None:
    world.store.saving.hang()
    async with carrying(world) as call:
        call.call.end(Ending(EndReason.API_ENDED))
        await settle()
        assert isinstance(call.told[-1].kind, Ended), "watchers know already"
        assert call.call.report() == call.told[-1].kind.report
        world.store.saving.recover()
        await settle()


async def test_cutting_a_call_off_ends_it_as_our_fault(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        call.task.cancel()
        await settle()
        assert call.task.cancelled()
        report = await call.assert_ended(EndReason.INTERNAL)
        assert report.view.ending is not None
        assert report.view.ending.fault is Fault.SERVER
    assert SPEC.room_name not in world.livekit.rooms
    assert world.models.sessions[0].closed


async def test_cutting_off_an_ending_that_hangs_keeps_its_cause(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        call.bot.network_stats = never  # type: ignore[method-assign]
        call.call.end(Ending(EndReason.API_ENDED))
        await settle()
        assert call.state is CallState.ENDING
        call.task.cancel()
        await settle()
        await call.assert_ended(EndReason.API_ENDED)


async def test_waiters_are_told_even_when_the_closing_is_cut_off(world: World) -> None:
    world.rooms.deleting.hang()
    async with carrying(world) as call, asyncio.TaskGroup() as group:
        ended = group.create_task(call.call.ended())
        call.call.end(Ending(EndReason.API_ENDED))
        await settle()
        call.task.cancel()
        await settle()
        assert ended.done()


def test_every_reason_that_a_call_can_have_by_itself_is_provoked_here() -> None:
    assert set(EndReason) - set(CAUSES) == {EndReason.WORKER_LOST}
