"""A call's recording: what is in it, when, and what the call is told of it."""

from dataclasses import replace

import numpy as np
import pytest

from bridge.calls.front.terms import plan_of
from bridge.media.level import Samples
from bridge.pcm import MODEL_RATE_HZ
from bridge.ports.call import EndReason
from bridge.ports.control import Applied, CommandId, Mute, Refused, Side
from bridge.ports.event import RecordingFinished, RecordingStarted, Warned
from bridge.ports.model_event import AudioDelta, ResponseStarted, SpeechStarted
from bridge.ports.recording import (
    RecordingChange,
    RecordingFormat,
    RecordingPlan,
    RecordingTrouble,
)
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.tones import amplitude_at, tone
from tests.unit.calls.rig import Carried, World, carrying

RECORDED = replace(SPEC, recording=RecordingPlan())
CALLER_HZ, AGENT_HZ = 440, 1000


def heard_ms(channel: Samples, hz: float) -> float:
    pcm = np.ascontiguousarray(channel).tobytes()
    windows = (pcm[at : at + 960] for at in range(0, len(pcm) - 959, 960))
    return sum(10.0 for window in windows if amplitude_at(window, hz) > 4000)


async def say(call: Carried, ms: float, hz: float = AGENT_HZ) -> None:
    """Let the agent say something, which is all there at once."""
    call.session.push(ResponseStarted("r1", None))
    call.session.push(AudioDelta("r1", "i1", 0, tone(hz, ms, MODEL_RATE_HZ)))
    await settle()


async def mute(call: Carried, muted: bool) -> object:
    command_id = CommandId(f"{muted}-{call.world.clock.monotonic_s()}")
    return await call.call.control(command_id, Mute(Side.RECORDING, muted))


async def rows_of(call: Carried) -> Samples:
    """Let the call end, and return what was recorded."""
    call.world.livekit.die()
    await call.world.clock.advance(1)
    await call.ended()
    (tape,) = call.world.recordings.tapes
    return tape.rows


async def test_both_sides_are_recorded_from_the_first_caller_on(world: World) -> None:
    async with carrying(world, RECORDED) as call:
        await world.clock.advance(5)
        assert world.recordings.tapes == []
        human = await call.join()
        await world.clock.advance(1)
        human.speak(tone(CALLER_HZ, 200))
        await world.clock.advance(1)
        await say(call, 500)
        await world.clock.advance(2)
        rows = await rows_of(call)
    assert heard_ms(rows[:, 0], CALLER_HZ) == pytest.approx(200, abs=20)
    assert heard_ms(rows[48_000 * 2 : 48_000 * 5 // 2, 1], AGENT_HZ) == pytest.approx(500, abs=20)
    assert heard_ms(rows[:, 1], AGENT_HZ) == pytest.approx(500, abs=20)
    assert heard_ms(rows[:, 0], AGENT_HZ) == heard_ms(rows[:, 1], CALLER_HZ) == 0


async def test_recording_holds_of_the_agent_what_was_heard(world: World) -> None:
    """Barge-in: nothing behind it, not even what the room's queue had already."""
    async with carrying(world, RECORDED) as call:
        await call.join()
        await say(call, 3000)
        await world.clock.advance(1)
        call.session.push(SpeechStarted("u1", 0))
        await world.clock.advance(3)
        rows = await rows_of(call)
    assert heard_ms(rows[:, 1], AGENT_HZ) == pytest.approx(1000, abs=30)


async def test_watchers_and_report_are_told_of_it(world: World) -> None:
    async with carrying(world, RECORDED) as call:
        await call.join()
        await world.clock.advance(3)
        (started,) = [kind for kind in call.kinds if isinstance(kind, RecordingStarted)]
        assert started == RecordingStarted("memory:acme/call-1", RecordingFormat.WAV)
        (so_far,) = call.call.report().recordings
        assert not so_far.complete
        call.world.livekit.die()
        await world.clock.advance(1)
        report = await call.assert_ended(EndReason.MEDIA_LOST)
        (finished,) = [kind for kind in call.kinds if isinstance(kind, RecordingFinished)]
    assert report.recordings == (finished.recorded,)
    assert finished.recorded.complete
    assert finished.recorded.duration_s == pytest.approx(3, abs=0.5)


async def test_what_is_said_while_it_is_paused_is_silence(world: World) -> None:
    async with carrying(world, RECORDED) as call:
        human = await call.join()
        human.speak(tone(CALLER_HZ, 100))
        await world.clock.advance(1)
        await say(call, 3000)
        await world.clock.advance(1)
        assert await mute(call, True) == Applied()
        human.speak(tone(700, 200))
        await world.clock.advance(1)
        assert await mute(call, False) == Applied()
        human.speak(tone(CALLER_HZ, 200))
        await world.clock.advance(2)
        rows = await rows_of(call)
    assert heard_ms(rows[:, 0], CALLER_HZ) == pytest.approx(300, abs=30)
    assert heard_ms(rows[:, 0], 700) == 0
    assert heard_ms(rows[48_000 : 48_000 * 2, 1], AGENT_HZ) == pytest.approx(1000, abs=30)
    assert not rows[48_000 * 2 + 2400 : 48_000 * 3, 1].any()
    assert heard_ms(rows[48_000 * 3 :, 1], AGENT_HZ) == pytest.approx(1000, abs=150)


async def test_recording_that_begins_paused_waits_to_be_let_on(world: World) -> None:
    spec = replace(SPEC, recording=RecordingPlan(paused=True))
    async with carrying(world, spec) as call:
        human = await call.join()
        human.speak(tone(CALLER_HZ, 200))
        await world.clock.advance(1)
        await mute(call, False)
        human.speak(tone(CALLER_HZ, 100))
        await world.clock.advance(1)
        rows = await rows_of(call)
    assert heard_ms(rows[:, 0], CALLER_HZ) == pytest.approx(100, abs=20)


async def test_muting_the_recording_of_a_call_without_one_is_refused(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        outcome = await mute(call, True)
        assert isinstance(outcome, Refused)
        assert outcome.reason == "not_recorded"
        assert world.recordings.tapes == []


async def test_muted_callers_are_still_recorded(world: World) -> None:
    async with carrying(world, RECORDED) as call:
        human = await call.join()
        await call.call.control(CommandId("m"), Mute(Side.CALLERS, muted=True))
        await world.clock.advance(1)
        human.speak(tone(CALLER_HZ, 200))
        await world.clock.advance(1)
        rows = await rows_of(call)
    assert heard_ms(rows[:, 0], CALLER_HZ) == pytest.approx(200, abs=20)


async def test_call_goes_on_where_nothing_can_be_recorded(world: World) -> None:
    world.recordings.have_a_place = False
    async with carrying(world, RECORDED) as call:
        human = await call.join()
        human.speak(tone(CALLER_HZ, 200))
        await world.clock.advance(1)
        assert not call.call.is_over
        (warned,) = [kind for kind in call.kinds if isinstance(kind, Warned)]
        assert warned.code == "recording_failed"
        assert call.call.report().recordings == ()


async def test_trouble_of_a_recording_is_a_warning_and_an_incident(world: World) -> None:
    async with carrying(world, RECORDED) as call:
        await call.join()
        world.recordings.tapes[0].suffer(RecordingTrouble.BEHIND)
        await settle()
        assert [i.code for i in call.call.report().incidents] == ["recording_behind"]
        assert not call.call.is_over


async def test_trouble_behind_the_end_is_not_told(world: World) -> None:
    async with carrying(world, RECORDED) as call:
        await call.join()
        await rows_of(call)
        told = len(call.told)
        world.recordings.tapes[0].suffer(RecordingTrouble.FAILED)
        await settle()
        assert len(call.told) == told


OGG = RecordingFormat.OGG_OPUS


@pytest.mark.parametrize(
    ("asked", "own", "plan"),
    [
        (None, None, None),
        (None, RecordingPlan(OGG), RecordingPlan(OGG)),
        (RecordingChange(), None, RecordingPlan()),
        (RecordingChange(), RecordingPlan(OGG, paused=True), RecordingPlan(OGG, paused=True)),
        (RecordingChange(enabled=False), RecordingPlan(OGG), None),
        (RecordingChange(enabled=True, format=OGG), None, RecordingPlan(OGG)),
        (RecordingChange(paused=False), RecordingPlan(OGG, paused=True), RecordingPlan(OGG)),
    ],
)
def test_request_changes_what_the_agent_s_file_says(
    asked: RecordingChange | None, own: RecordingPlan | None, plan: RecordingPlan | None
) -> None:
    assert plan_of(asked, own) == plan
