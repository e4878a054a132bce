"""A call's model: when its session opens, when it greets, what it hears and says."""

from dataclasses import replace

from bridge.errors import ModelError, ModelFailure
from bridge.ids import Identity
from bridge.pcm import MODEL_RATE_HZ
from bridge.ports.call import CallState, Ending, EndReason, StartPolicy
from bridge.ports.event import LinkState, ModelStateChanged
from bridge.ports.model_event import AudioDelta, AudioDone, ResponseStarted
from bridge.ports.room_event import HumanJoined, OutputSubscribed
from tests.fakes.agents import GREETER, SPEC
from tests.fakes.clock import settle
from tests.fakes.model import Responded
from tests.tones import amplitude_at, tone
from tests.unit.calls.rig import Carried, World, carrying, with_limits

GREETING = replace(SPEC, agent=GREETER)
LATE_VOICE = replace(GREETING, start_policy=StartPolicy.VOICE_ON_MICROPHONE)


def links(call: Carried) -> list[LinkState]:
    return [kind.state for kind in call.kinds if isinstance(kind, ModelStateChanged)]


async def speak(call: Carried, ms: float, hz: float = 440) -> None:
    """Let the model begin an answer whose sound is there at once."""
    call.session.push(ResponseStarted("r1", None))
    call.session.push(AudioDelta("r1", "i1", 0, tone(hz, ms, MODEL_RATE_HZ)))
    await settle()


async def test_session_opens_at_once_with_the_agent_s_configuration(world: World) -> None:
    async with carrying(world) as call:
        assert world.models.configs == [SPEC.agent.model]
        view = call.call.view()
        assert view.model_session_ids == (call.session.session_id,)
        assert view.is_ai_ready
        assert links(call) == [LinkState.CONNECTING, LinkState.READY]


async def test_session_opens_when_the_first_caller_comes_if_asked_to(world: World) -> None:
    spec = replace(SPEC, start_policy=StartPolicy.ON_JOIN)
    async with carrying(world, spec) as call:
        await world.clock.advance(10)
        assert world.models.configs == []
        assert not call.call.view().is_ai_ready
        await call.join()
        assert len(world.models.sessions) == 1
        assert call.call.view().is_ai_ready


async def test_voice_waits_for_a_microphone_if_asked_to(world: World) -> None:
    async with carrying(world, LATE_VOICE) as call:
        assert len(world.models.sessions) == 1
        human = world.enter(LATE_VOICE)
        await world.clock.advance(2.9)
        assert call.state is CallState.ACTIVE
        assert not call.call.view().is_ai_ready
        assert call.session.sent == []
        human.publish()
        await settle()
        assert call.call.view().is_ai_ready
        assert call.session.sent == [Responded("greeting", None, "Welcome.")]


async def test_voice_waits_no_longer_for_a_caller_without_a_microphone(world: World) -> None:
    async with carrying(world, LATE_VOICE) as call:
        await world.clock.advance(10)
        world.enter(LATE_VOICE)
        await world.clock.advance(3)
        assert call.session.sent == [Responded("greeting", None, "Welcome.")]


async def test_greeting_waits_for_a_caller_who_can_hear_it(world: World) -> None:
    async with carrying(world, GREETING) as call:
        assert call.session.sent == []
        call.bot.emit(HumanJoined(Identity("ada"), "Ada"))
        await world.clock.advance(5)
        assert call.session.sent == []
        call.bot.emit(OutputSubscribed())
        await settle()
        assert call.session.sent == [Responded("greeting", None, "Welcome.")]


async def test_subscription_without_a_caller_is_not_greeted(world: World) -> None:
    async with carrying(world, GREETING) as call:
        call.bot.emit(OutputSubscribed())
        await settle()
        assert call.session.sent == []


async def test_caller_who_came_before_the_model_is_greeted_when_it_is_there(world: World) -> None:
    world.models.may_open.clear()
    async with carrying(world, GREETING) as call:
        await call.join()
        world.models.may_open.set()
        await settle()
        assert call.session.sent == [Responded("greeting", None, "Welcome.")]


async def test_caller_who_comes_back_is_not_greeted_again(world: World) -> None:
    async with carrying(world, GREETING) as call:
        (await call.join()).leave()
        await settle()
        await call.join()
        assert len(call.session.sent) == 1


async def test_caller_is_heard_by_the_model_and_the_model_by_the_caller(world: World) -> None:
    async with carrying(world) as call:
        human = await call.join()
        for _ in range(40):
            human.speak(tone(1000, 20))
            await settle()
        assert amplitude_at(bytes(call.session.audio[4800:]), 1000, MODEL_RATE_HZ) > 4000
        await speak(call, 500, hz=700)
        await world.clock.advance(1)
        assert amplitude_at(call.bot.fake_output.played, 700) > 6000
        totals = call.call.report().media
        assert totals.played_ms >= 490
        assert totals.sent_ms > 700


async def test_model_that_refuses_before_the_bot_has_joined_ends_the_call(world: World) -> None:
    world.rooms.joining.hang()
    world.models.refusal = ModelError(ModelFailure.AUTH, "401")
    async with carrying(world) as call:
        report = await call.assert_ended(EndReason.MODEL_AUTH)
        assert report.view.ending == Ending(EndReason.MODEL_AUTH, "401")
        assert report.view.media_ready_at is None


async def test_session_that_opens_before_the_bot_has_joined_waits_for_it(world: World) -> None:
    world.rooms.joining.hang()
    async with carrying(world) as call:
        assert call.call.view().model_ready_at is not None
        assert not call.call.view().is_ai_ready
        world.rooms.joining.recover()
        await settle()
        assert call.call.view().is_ai_ready


async def test_watchers_learn_that_the_model_is_lost(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        call.session.fail(ModelError(ModelFailure.LOST))
        await settle()
        assert links(call)[-1] is LinkState.LOST


async def test_last_words_are_played_out_when_time_is_up(world: World) -> None:
    async with carrying(world, with_limits(max_duration_s=10)) as call:
        human = await call.join()
        await world.clock.advance(9)
        await speak(call, 3000)
        call.session.push(AudioDone("r1", "i1", 0))
        output = call.bot.fake_output
        await world.clock.advance(1)
        heard = len(call.session.audio)
        human.speak(tone(1000, 20))
        await world.clock.advance(0.5)
        assert not call.call.is_over
        assert len(call.session.audio) == heard, "nobody is listened to any more"
        await world.clock.advance(10)
        report = await call.assert_ended(EndReason.MAX_DURATION)
        assert report.view.active_duration_s == 10
        assert len(output.played) / 96 >= 2990


async def test_last_words_have_their_limit(world: World) -> None:
    async with carrying(world, with_limits(max_duration_s=10)) as call:
        await call.join()
        await world.clock.advance(9)
        await speak(call, 60_000)
        await world.clock.advance(10.9)
        assert not call.call.is_over
        await world.clock.advance(0.2)
        report = await call.assert_ended(EndReason.MAX_DURATION)
        assert 10_900 <= report.media.played_ms <= 11_100
        assert report.media.received_ms == 60_000
        assert report.media.discarded_ms + report.media.played_ms == 60_000
        assert 10_900 <= report.turns[0].agent_heard_ms <= 11_100


async def test_call_that_is_ended_by_the_gateway_stops_speaking_at_once(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        await speak(call, 5000)
        output = call.bot.fake_output
        await world.clock.advance(1)
        call.call.end(Ending(EndReason.API_ENDED))
        await settle()
        report = await call.assert_ended(EndReason.API_ENDED)
        await world.clock.advance(10)
        assert 990 <= len(output.played) / 96 <= 1010
        assert 990 <= report.media.played_ms <= 1010
