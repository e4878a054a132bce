"""Words that callers cannot interrupt, in a call in which they otherwise can."""

import asyncio
from dataclasses import replace

import pytest

from bridge.calls.speech.delivery import Outcome
from bridge.calls.speech.ears import Deaf
from bridge.calls.speech.turn_control import session_config
from bridge.ports.agent import GreetingManner, InterruptionRules, SayGreeting
from bridge.ports.model_config import ConfigChange, ModelConfig
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.fakes.model import Responded, Updated
from tests.unit.calls.rig import World
from tests.unit.calls.talk import Talk, talking

OURS = Updated(ConfigChange(create_response=False, interruptible=False))
THE_MODELS = Updated(ConfigChange(create_response=True, interruptible=True))
ANSWER = Responded("turn", None, None)


def hears(talk: Talk) -> bool:
    return talk.ears.gate.is_open


def config_of(**changes: object) -> ModelConfig:
    agent = SPEC.agent
    interruptible = bool(changes.pop("interruptible", True))
    model = replace(agent.model, interruptible=interruptible)
    rules = InterruptionRules(**changes)  # type: ignore[arg-type]
    return session_config(replace(agent, model=model, interruption=rules))


@pytest.mark.parametrize(
    "changes", [{"interruptible": False}, {"min_speech_s": 0.4}, {"resume_after_s": 2.0}]
)
def test_the_model_decides_nothing_where_options_speak_against_it(
    changes: dict[str, object],
) -> None:
    config = config_of(**changes)
    assert not config.create_response
    assert not config.interruptible


def test_the_model_decides_all_where_it_may() -> None:
    assert config_of(echo_guard_s=3.0) == SPEC.agent.model


async def test_words_that_must_not_be_interrupted_survive_the_caller(world: World) -> None:
    async with talking(world) as talk, asyncio.TaskGroup() as group:
        utterances = talk.conversation.utterances
        said = group.create_task(utterances.say("Notice.", tag="notice", interruptible=False))
        await settle()
        assert talk.session.sent == [OURS, Responded("notice", None, "Notice.")]
        talk.session.answer("notice", audio_ms=2000)
        await world.clock.advance(0.5)
        await talk.caller_begins()
        await world.clock.advance(0.5)
        await talk.caller_stops()
        await settle()
        assert talk.session.sent[2:] == [ANSWER], "the model may think about it already"
        await world.clock.advance(1.1)
        assert said.result() is Outcome.PLAYED
        assert talk.session.sent[3:] == [THE_MODELS]
        assert len(talk.output.played) / 96 == pytest.approx(2000, abs=20)


async def test_the_model_decides_again_when_the_caller_has_finished(world: World) -> None:
    async with talking(world) as talk, asyncio.TaskGroup() as group:
        utterances = talk.conversation.utterances
        group.create_task(utterances.say("Notice.", tag="notice", interruptible=False))
        await settle()
        talk.session.answer("notice", audio_ms=500)
        await talk.caller_begins()
        await world.clock.advance(1)
        assert THE_MODELS not in talk.session.sent, "who would answer what is being said?"
        await talk.caller_stops()
        await settle()
        assert set(map(repr, talk.session.sent[2:])) == {repr(ANSWER), repr(THE_MODELS)}
        await talk.caller_begins("u2")
        await talk.caller_stops("u2")
        await world.clock.advance(5)
        assert talk.session.sent.count(ANSWER) == 1, "the second turn is the model's"


async def test_greeting_that_must_not_be_interrupted_is_not(world: World) -> None:
    greeting = SayGreeting("Welcome.", GreetingManner(interruptible=False))
    async with talking(world) as talk, asyncio.TaskGroup() as group:
        group.create_task(talk.conversation.greet(greeting))
        await settle()
        talk.session.answer("greeting", audio_ms=1000)
        await talk.caller_begins()
        await world.clock.advance(1.1)
        assert len(talk.output.played) / 96 == pytest.approx(1000, abs=20)
        await talk.caller_stops()


async def test_greeting_waits_as_long_as_it_is_told_to(world: World) -> None:
    greeting = SayGreeting("Welcome.", GreetingManner(delay_s=0.5))
    async with talking(world) as talk, asyncio.TaskGroup() as group:
        group.create_task(talk.conversation.greet(greeting))
        await world.clock.advance(0.4)
        assert talk.session.sent == []
        await world.clock.advance(0.2)
        assert talk.session.sent == [Responded("greeting", None, "Welcome.")]
        talk.session.answer("greeting")
        await world.clock.advance(1)


async def test_callers_are_not_heard_until_a_guarded_greeting_is_over(world: World) -> None:
    greeting = SayGreeting("Welcome.", GreetingManner(guard=True))
    spec = replace(SPEC, agent=replace(SPEC.agent, greeting=greeting))
    async with talking(world, spec=spec) as talk, asyncio.TaskGroup() as group:
        assert not hears(talk), "from the start"
        group.create_task(talk.conversation.greet(greeting))
        await settle()
        talk.session.answer("greeting", audio_ms=1000)
        await world.clock.advance(0.9)
        assert not hears(talk)
        await world.clock.advance(0.2)
        assert hears(talk)


async def test_callers_are_not_heard_in_the_agents_first_speech(world: World) -> None:
    rules = InterruptionRules(echo_guard_s=1)
    spec = replace(SPEC, agent=replace(SPEC.agent, interruption=rules))
    async with talking(world, spec=spec) as talk:
        assert hears(talk)
        talk.session.answer(audio_ms=600)
        await world.clock.advance(0.1)
        assert not hears(talk)
        await world.clock.advance(0.7)
        assert not hears(talk), "the echo of its last sound is still under way"
        await world.clock.advance(0.2)
        assert hears(talk), "between two speeches there is no echo"
        talk.session.answer(audio_ms=3000)
        await world.clock.advance(0.3)
        assert not hears(talk)
        await world.clock.advance(0.5)
        assert hears(talk), "after a second of speech in all"


async def test_gate_is_closed_while_there_is_any_reason(world: World) -> None:
    async with talking(world) as talk:
        gate = talk.ears.gate
        gate.close(Deaf.GREETING)
        gate.close(Deaf.ECHO, world.clock.monotonic_s() + 1)
        gate.open(Deaf.GREETING)
        assert not hears(talk)
        await world.clock.advance(1)
        assert hears(talk)
