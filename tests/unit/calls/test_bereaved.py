"""A call whose host died is ended by whoever finds out: once, told like any other end."""

from dataclasses import replace

import pytest

from bridge.calls.front.bereaved import REPORT_INCOMPLETE, Bereaved
from bridge.ports.call import CallState, CallView, Ending, EndReason, Fault, ParticipantView
from bridge.ports.event import CallEvent, Ended, StateChanged, Warned
from bridge.ports.placement import Placed
from bridge.ports.report import CallReport, MediaTotals, SetupTimes, Turn
from bridge.ports.room import RoomRequest
from tests.fakes.agents import SPEC
from tests.unit.calls.rig import EPOCH, HOST, World

LOST = Ending(EndReason.WORKER_LOST, "worker-0 is gone")


def note(sequence: int) -> CallEvent:
    return CallEvent(
        SPEC.connection_id, sequence, SPEC.created_at, 0.0, Warned("note", str(sequence))
    )


class Scene:
    """A call that was going on when its host died."""

    def __init__(self, world: World, view: CallView) -> None:
        self.world = world
        self.placed = Placed(view, HOST, EPOCH)
        self.bereaved = Bereaved(
            events=world.events,
            directory=world.directory,
            store=world.store,
            rooms=world.rooms,
            clock=world.clock,
        )

    async def enter(self) -> None:
        await self.world.rooms.create(RoomRequest(SPEC.room_name, SPEC.connection_id, 60, 10))
        await self.world.directory.add(self.placed)
        for sequence in (1, 2, 3):
            await self.world.events.append(note(sequence))


@pytest.fixture
async def scene() -> Scene:
    world = World()
    ada = ParticipantView(SPEC.caller_identity, "Ada", True, True, world.clock.now())
    view = CallView(
        SPEC,
        HOST,
        state=CallState.ACTIVE,
        joined_at=world.clock.now(),
        participants=(ada,),
        last_sequence=2,
    )
    it = Scene(world, view)
    await it.enter()
    return it


async def test_its_last_events_follow_the_ones_that_were_kept(scene: Scene) -> None:
    await scene.world.clock.advance(7)
    await scene.bereaved.end(scene.placed, None, LOST)
    told = scene.world.events.of(SPEC.connection_id)
    assert [event.sequence for event in told] == [1, 2, 3, 4, 5, 6]
    assert [event.kind for event in told[3:5]] == [
        StateChanged(CallState.ENDING, CallState.ACTIVE),
        StateChanged(CallState.ENDED, CallState.ENDING),
    ]
    last = told[-1].kind
    assert isinstance(last, Ended)
    assert last.report.view.ending == LOST
    assert LOST.fault is Fault.SERVER
    assert last.report.view.active_duration_s == 7
    assert last.report.view.last_sequence == 6, "it counts the event that carries it"


async def test_report_has_what_the_host_had_told_and_says_what_is_missing(scene: Scene) -> None:
    draft = CallReport(
        view=scene.placed.view,
        complete=False,
        setup=SetupTimes(),
        turns=(Turn(1, scene.world.clock.now()),),
        turn_latency=None,
        user_talk_s=3.0,
        media=MediaTotals(),
        incidents=(),
    )
    await scene.bereaved.end(scene.placed, draft, LOST)
    report = await scene.world.store.report(SPEC.connection_id)
    assert report is not None
    assert (report.turns, report.user_talk_s) == (draft.turns, 3.0)
    assert report.complete
    assert [incident.code for incident in report.incidents] == [REPORT_INCOMPLETE]
    assert report.view.last_sequence == 6
    assert not any(one.connected for one in report.view.participants)


async def test_directory_knows_that_it_is_over_and_its_room_is_gone(scene: Scene) -> None:
    await scene.bereaved.end(scene.placed, None, LOST)
    placed = await scene.world.directory.get(SPEC.connection_id)
    assert placed is not None
    assert placed.view.is_over
    assert await scene.world.directory.carried_by(HOST) == []
    assert SPEC.room_name not in scene.world.livekit.rooms


async def test_room_that_was_never_ours_is_left_standing(scene: Scene) -> None:
    view = replace(scene.placed.view, spec=replace(SPEC, foreign_room=True))
    await scene.bereaved.end(Placed(view, HOST, EPOCH), None, LOST)
    assert SPEC.room_name in scene.world.livekit.rooms


async def test_end_that_was_decided_already_keeps_its_reason(scene: Scene) -> None:
    asked = Ending(EndReason.API_ENDED, "EndCall")
    view = replace(scene.placed.view, state=CallState.ENDING, ending=asked)
    await scene.bereaved.end(Placed(view, HOST, EPOCH), None, LOST)
    told = scene.world.events.of(SPEC.connection_id)[3:]
    assert [type(event.kind) for event in told] == [StateChanged, Ended], "not ENDING again"
    report = await scene.world.store.report(SPEC.connection_id)
    assert report is not None
    assert report.view.ending == asked


async def test_call_that_is_over_is_left_as_it_is(scene: Scene) -> None:
    over = replace(scene.placed.view, state=CallState.ENDED)
    await scene.bereaved.end(Placed(over, HOST, EPOCH), None, LOST)
    assert [type(e.kind) for e in scene.world.events.of(SPEC.connection_id)] == [Warned] * 3


async def test_end_is_told_also_where_livekit_does_not_answer(scene: Scene) -> None:
    scene.world.livekit.unreachable = True
    await scene.bereaved.end(scene.placed, None, LOST)
    assert isinstance(scene.world.events.of(SPEC.connection_id)[-1].kind, Ended)


async def test_news_that_come_behind_the_end_are_not_kept(scene: Scene) -> None:
    await scene.bereaved.end(scene.placed, None, LOST)
    await scene.world.events.append(note(7))
    assert await scene.world.events.last_sequence(SPEC.connection_id) == 6
