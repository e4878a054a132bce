"""A call that LiveKit Egress records: when it begins and ends, and what becomes of failures."""

from dataclasses import replace

import pytest

from bridge.errors import RoomUnreachable
from bridge.ids import Identity
from bridge.ports.call import EndReason
from bridge.ports.control import CommandId, Mute, Side
from bridge.ports.event import RecordingFinished, RecordingStarted, Warned
from bridge.ports.recording import RecordingPlan, RecordingSource
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.fakes.egress import FakeEgress
from tests.unit.calls.rig import Carried, World, carrying

RECORDED = replace(SPEC, recording=RecordingPlan())
ROOM = SPEC.room_name


@pytest.fixture
def egress(world: World) -> FakeEgress:
    world.egress = FakeEgress()
    return world.egress


def started(call: Carried) -> list[str]:
    return [kind.uri for kind in call.kinds if isinstance(kind, RecordingStarted)]


async def mute(call: Carried, muted: bool) -> None:
    command_id = CommandId(f"{muted}-{call.world.clock.monotonic_s()}")
    await call.call.control(command_id, Mute(Side.RECORDING, muted))
    await settle()


async def test_room_is_recorded_from_the_first_caller_to_the_end(
    world: World, egress: FakeEgress
) -> None:
    async with carrying(world, RECORDED) as call:
        assert not egress.running
        human = await call.join()
        assert len(egress.running) == 1
        human.leave()
        await world.clock.advance(10)
        report = await call.assert_ended(EndReason.PARTICIPANT_LEFT)
    assert not egress.running
    of_egress = [one for one in report.recordings if one.source is RecordingSource.EGRESS]
    assert [one.uri for one in of_egress] == ["egress:acme/call-1-1.ogg"]
    assert of_egress[0].complete
    finished = [kind.recorded for kind in call.kinds if isinstance(kind, RecordingFinished)]
    assert of_egress[0] in finished


async def test_call_that_is_not_recorded_is_left_alone(world: World, egress: FakeEgress) -> None:
    async with carrying(world) as call:
        await call.join()
        assert not egress.running


async def test_pause_ends_a_file_and_going_on_begins_another(
    world: World, egress: FakeEgress
) -> None:
    async with carrying(world, RECORDED) as call:
        await call.join()
        await mute(call, True)
        assert not egress.running
        await mute(call, False)
        assert len(egress.running) == 1
        assert started(call)[1:] == ["egress:acme/call-1-1.ogg", "egress:acme/call-1-2.ogg"]


async def test_recording_that_begins_paused_is_not_begun(world: World, egress: FakeEgress) -> None:
    async with carrying(world, replace(SPEC, recording=RecordingPlan(paused=True))) as call:
        await call.join()
        assert not egress.running
        await mute(call, False)
        assert len(egress.running) == 1


async def test_tracks_are_recorded_as_they_come(world: World) -> None:
    world.egress = egress = FakeEgress(tracks=True)
    egress.audio_tracks[ROOM] = ["TR_bot"]
    async with carrying(world, RECORDED) as call:
        human = world.enter(RECORDED)
        await settle()
        assert [job.track_sid for job in egress.running.values()] == ["TR_bot"]
        egress.audio_tracks[ROOM].append("TR_ada")
        human.publish()
        await settle()
        assert [job.track_sid for job in egress.running.values()] == ["TR_bot", "TR_ada"]
        other = world.enter(RECORDED, Identity("bob"))
        other.publish()
        await settle()
        assert len(egress.running) == 2
        assert len(started(call)) == 3


async def test_egress_that_fails_is_a_warning_and_is_asked_again_with_the_next_track(
    world: World, egress: FakeEgress
) -> None:
    egress.failure = RoomUnreachable("LiveKit failed to record a room: unavailable")
    async with carrying(world, RECORDED) as call:
        human = world.enter(RECORDED)
        await settle()
        (warned,) = [kind for kind in call.kinds if isinstance(kind, Warned)]
        assert warned.code == "egress_failed"
        egress.failure = None
        human.publish()
        await settle()
        assert len(egress.running) == 1
        egress.failure = RoomUnreachable("LiveKit failed to stop an egress: unavailable")
        human.leave()
        await world.clock.advance(10)
        report = await call.assert_ended(EndReason.PARTICIPANT_LEFT)
    assert [incident.code for incident in report.incidents] == ["egress_failed"] * 2


async def test_defect_in_a_recorder_ends_no_call(world: World, egress: FakeEgress) -> None:
    egress.failure = ValueError("no message of Egress's")
    async with carrying(world, RECORDED) as call:
        await call.join()
        assert not call.call.is_over
        await world.clock.advance(10)
        assert [i.code for i in call.call.report().incidents] == ["egress_failed"]
