"""Nobody speaks: the agent's silence steps, and the goodbye before an end of our own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from bridge.ports.agent import SilenceStep
from bridge.ports.budget import LimitKind
from bridge.ports.call import CallSpec, EndReason, Fault
from bridge.ports.event import LimitNear, SilenceStepReached
from bridge.ports.model_event import SpeechStarted, SpeechStopped
from bridge.ports.room_event import LeaveReason
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.fakes.model import Answers, Responded
from tests.unit.calls.rig import Carried, World, carrying, with_limits

STEPS = (
    SilenceStep(10, say="Are you there?"),
    SilenceStep(5, prompt="Ask again."),
    SilenceStep(20, say="Goodbye.", ends=True),
)


def with_silence(*steps: SilenceStep) -> CallSpec:
    return replace(SPEC, agent=replace(SPEC.agent, silence=steps))


@asynccontextmanager
async def going_on(world: World, spec: CallSpec) -> AsyncIterator[Carried]:
    """Carry a call with a model that answers everything at once, up to its first silence."""
    async with carrying(world, spec) as call:
        call.session.answers = Answers.WHOLE
        await call.join()
        yield call


def asked(call: Carried) -> Sequence[str]:
    """Return what the model was asked to say, or to make of an instruction."""
    requests = [sent for sent in call.session.sent if isinstance(sent, Responded)]
    return [request.say or request.instructions or "" for request in requests]


def steps_of(call: Carried) -> list[SilenceStepReached]:
    return [kind for kind in call.kinds if isinstance(kind, SilenceStepReached)]


async def speak_up(call: Carried) -> None:
    """Let the caller say something that the model hears, and does not answer."""
    call.session.push(SpeechStarted("u", 0))
    await call.pass_time(1)
    call.session.push(SpeechStopped("u", 1000))
    await settle()


async def test_steps_follow_each_other_and_the_last_ends_the_call(world: World) -> None:
    async with going_on(world, with_silence(*STEPS)) as call:
        await call.pass_time(9.9)
        assert asked(call) == []
        await call.pass_time(0.2)
        assert asked(call) == ["Are you there?"]
        await call.pass_time(5.2)
        assert asked(call) == ["Are you there?", "Ask again."]
        await call.pass_time(20.2)
        assert asked(call)[2:] == ["Goodbye."]
        await call.pass_time(1)
        report = await call.assert_ended(EndReason.IDLE_TIMEOUT)
        assert steps_of(call) == [
            SilenceStepReached(1, ends_call=False),
            SilenceStepReached(2, ends_call=False),
            SilenceStepReached(3, ends_call=True),
        ]
    assert report.view.ending is not None
    assert report.view.ending.fault is Fault.NONE
    assert report.media.played_ms == report.media.received_ms, "the goodbye was heard to its end"


async def test_caller_who_speaks_begins_the_steps_anew(world: World) -> None:
    async with going_on(world, with_silence(*STEPS)) as call:
        await call.pass_time(10.2)
        assert len(asked(call)) == 1
        await speak_up(call)
        await call.pass_time(9)
        assert len(asked(call)) == 1, "ten seconds run again, not five"
        await call.pass_time(5)
        assert asked(call) == ["Are you there?", "Are you there?"]


async def test_agent_s_own_words_are_no_silence(world: World) -> None:
    async with going_on(world, with_silence(*STEPS)) as call:
        await call.pass_time(8)
        call.session.answer(audio_ms=6000)
        await call.pass_time(15.9)
        assert asked(call) == []
        await call.pass_time(0.3)
        assert asked(call) == ["Are you there?"]


async def test_after_the_last_step_that_ends_nothing_only_a_caller_begins_them_anew(
    world: World,
) -> None:
    async with going_on(world, with_silence(STEPS[0])) as call:
        await call.pass_time(60)
        assert asked(call) == ["Are you there?"]
        await speak_up(call)
        await call.pass_time(14)
        assert asked(call) == ["Are you there?", "Are you there?"]


async def test_nobody_is_asked_in_an_empty_room(world: World) -> None:
    async with carrying(world, with_silence(*STEPS)) as call:
        human = await call.join()
        human.leave(LeaveReason.LOST)
        await call.pass_time(15)
        assert asked(call) == []


async def test_time_s_up_is_said_before_the_end_and_watchers_know_a_minute_ahead(
    world: World,
) -> None:
    limited = with_limits(max_duration_s=200, time_exceeded_text="Our time is up.")
    async with going_on(world, limited) as call:
        await call.pass_time(139)
        assert not any(isinstance(kind, LimitNear) for kind in call.kinds)
        await call.pass_time(1)
        assert call.kinds[-1] == LimitNear(LimitKind.DURATION, 0.7, 60)
        await call.pass_time(60)
        assert asked(call) == ["Our time is up."]
        await call.pass_time(2)
        report = await call.assert_ended(EndReason.MAX_DURATION)
    assert report.media.played_ms == report.media.received_ms


async def test_warning_of_a_short_call_comes_at_its_half(world: World) -> None:
    async with going_on(world, with_limits(max_duration_s=60)) as call:
        await call.pass_time(30)
        assert call.kinds[-1] == LimitNear(LimitKind.DURATION, 0.5, 30)


async def test_goodbye_that_the_model_does_not_say_keeps_nobody(world: World) -> None:
    limited = with_limits(max_duration_s=10, time_exceeded_text="Our time is up.")
    async with carrying(world, limited) as call:
        await call.join()
        await call.pass_time(10 + 31)
        await call.assert_ended(EndReason.MAX_DURATION)
