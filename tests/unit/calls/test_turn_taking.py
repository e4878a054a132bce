"""Callers who speak: what the agent does about it, who answers, and what watchers are told."""

from dataclasses import replace

import pytest

from bridge.ports.agent import InterruptionRules
from bridge.ports.call import AgentState, CallSpec
from bridge.ports.event import Interruption, InterruptionDismissed, TurnAwaitsResponse
from bridge.ports.model_config import ManualTurns
from bridge.ports.model_event import (
    AudioDone,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    UserTextDelta,
    UserTextDone,
)
from bridge.ports.usage import TokenCounts
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.fakes.model import Cancelled, Committed, Deleted, Responded, Truncated
from tests.tones import amplitude_at
from tests.unit.calls.rig import World
from tests.unit.calls.talk import Talk, talking

LISTENING, THINKING, SPEAKING = AgentState.LISTENING, AgentState.THINKING, AgentState.SPEAKING
ANSWER = Responded("turn", None, None)


NO_RULES = InterruptionRules()


def spec(rules: InterruptionRules = NO_RULES, **model: object) -> CallSpec:
    agent = SPEC.agent
    config = replace(agent.model, transcription_model="t", **model)  # type: ignore[arg-type]
    return replace(SPEC, agent=replace(agent, model=config, interruption=rules))


PATIENT = spec(InterruptionRules(resume_after_s=2))
SHORT = spec(InterruptionRules(min_speech_s=0.4))


def done(response: str = "r1", status: ResponseStatus = ResponseStatus.COMPLETED) -> ResponseDone:
    return ResponseDone(response, status, TokenCounts())


async def answering(talk: Talk, audio_ms: float = 3000) -> None:
    """Let the agent be in the middle of an answer that the model has finished."""
    await talk.begin_answer(audio_ms, hz=440)
    talk.session.push(AudioDone("r1", "i1", 0), done())
    await settle()


def of(talk: Talk, kind: type) -> list[object]:
    return [one for one in talk.kinds if isinstance(one, kind)]


def played_ms(talk: Talk) -> float:
    return len(talk.output.played) / 96


async def test_cough_pauses_the_agent_and_then_it_goes_on_where_it_was(world: World) -> None:
    async with talking(world, spec=PATIENT) as talk:
        await answering(talk)
        await world.clock.advance(1)
        await talk.caller_begins()
        heard_ms = played_ms(talk)
        assert heard_ms == pytest.approx(1000, abs=20)
        await world.clock.advance(0.5)
        assert played_ms(talk) == heard_ms
        assert talk.agent_states[-1] is LISTENING
        await talk.caller_stops()
        await world.clock.advance(1.9)
        assert played_ms(talk) == heard_ms
        await world.clock.advance(0.1)
        assert talk.agent_states[-1] is SPEAKING
        await world.clock.advance(3)
        assert played_ms(talk) == pytest.approx(3000, abs=20)
        for part in (talk.output.played[:90_000], talk.output.played[100_000:]):
            assert amplitude_at(part, 440) == pytest.approx(8000, rel=0.02)
        assert talk.session.sent == [], "the model knows nothing of it"
        assert of(talk, Interruption) == []
        (dismissed,) = of(talk, InterruptionDismissed)
        assert isinstance(dismissed, InterruptionDismissed)
        assert dismissed.item_id == "u1"
        assert dismissed.paused_s == pytest.approx(2.5)
        (turn,) = talk.turns
        assert not turn.interrupted
        assert turn.agent_heard_ms == pytest.approx(3000, abs=1)
        assert talk.playout.counters.underruns == 0


async def test_cough_without_words_is_forgotten_by_the_model_too(world: World) -> None:
    async with talking(world, spec=PATIENT) as talk:
        await answering(talk)
        await world.clock.advance(1)
        await talk.caller_begins()
        await talk.caller_stops()
        talk.session.push(UserTextDone("u1", ""))
        await settle()
        assert talk.session.sent == [Deleted("u1")]
        await world.clock.advance(3)
        assert played_ms(talk) == pytest.approx(3000, abs=20), "it went on at once"


async def test_words_after_a_pause_are_an_interruption_at_the_pause(world: World) -> None:
    async with talking(world, spec=PATIENT) as talk:
        await answering(talk)
        await world.clock.advance(1)
        await talk.caller_begins()
        await world.clock.advance(0.7)
        await talk.caller_stops()
        await world.clock.advance(0.5)
        talk.session.push(UserTextDelta("u1", "Wait"))
        await settle()
        truncated, asked = talk.session.sent
        assert isinstance(truncated, Truncated)
        assert truncated.audio_end_ms == pytest.approx(1000, abs=20)
        assert asked == ANSWER
        assert len(of(talk, Interruption)) == 1
        await world.clock.advance(3)
        assert played_ms(talk) == pytest.approx(1000, abs=20)
        assert of(talk, InterruptionDismissed) == []


async def test_response_that_is_still_made_is_cancelled_by_us(world: World) -> None:
    async with talking(world, spec=PATIENT) as talk:
        await talk.begin_answer(3000)
        await world.clock.advance(1)
        await talk.caller_begins()
        await talk.caller_stops()
        talk.session.push(UserTextDone("u1", "Wait!"))
        await settle()
        cancelled, truncated, asked = talk.session.sent
        assert cancelled == Cancelled("r1")
        assert isinstance(truncated, Truncated)
        assert asked == ANSWER


async def test_speech_behind_a_pause_that_is_not_over_is_answered_once(world: World) -> None:
    async with talking(world, spec=PATIENT) as talk:
        await answering(talk)
        await world.clock.advance(1)
        await talk.caller_begins("u1")
        await talk.caller_stops("u1")
        await talk.caller_begins("u2")
        talk.session.push(UserTextDone("u1", "Wait!"))
        await settle()
        assert ANSWER not in talk.session.sent, "the caller speaks"
        await talk.caller_stops("u2")
        assert talk.session.sent.count(ANSWER) == 1


async def test_short_speech_does_not_stop_the_agent_and_is_not_answered(world: World) -> None:
    async with talking(world, spec=SHORT) as talk:
        await answering(talk)
        await world.clock.advance(0.5)
        await talk.caller_begins()
        talk.ears.spoken = 0.2
        await world.clock.advance(0.7)
        await talk.caller_stops()
        talk.session.push(UserTextDone("u1", "Uh-huh."))
        await world.clock.advance(3)
        assert played_ms(talk) == pytest.approx(3000, abs=20)
        assert talk.session.sent == []
        assert of(talk, InterruptionDismissed) == [InterruptionDismissed("u1", 0.0)]
        assert len(talk.turns) == 1


async def test_speech_that_lasts_stops_the_agent_when_it_has_lasted(world: World) -> None:
    async with talking(world, spec=SHORT) as talk:
        await answering(talk)
        await world.clock.advance(0.5)
        await talk.caller_begins()
        await world.clock.advance(0.2)
        talk.ears.spoken = 0.4
        await world.clock.advance(0.02)
        heard_ms = played_ms(talk)
        assert heard_ms == pytest.approx(720, abs=25)
        await talk.caller_stops()
        assert talk.session.sent[-1] == ANSWER
        await world.clock.advance(3)
        assert played_ms(talk) == heard_ms


async def test_yes_at_the_end_of_a_question_is_answered(world: World) -> None:
    async with talking(world, spec=SHORT) as talk:
        await answering(talk, 1000)
        await world.clock.advance(0.9)
        await talk.caller_begins()
        talk.ears.spoken = 0.2
        await world.clock.advance(0.7)
        await talk.caller_stops()
        assert talk.session.sent == [ANSWER]


async def test_turns_are_answered_at_once_where_the_model_does_not(world: World) -> None:
    async with talking(world, spec=PATIENT) as talk:
        await talk.caller_begins()
        await talk.caller_stops()
        assert talk.session.sent == [ANSWER]
        assert talk.agent_states == [LISTENING, THINKING]


async def test_turns_are_left_to_the_model_where_nothing_speaks_against_it(world: World) -> None:
    async with talking(world) as talk:
        await talk.caller_begins()
        await talk.caller_stops()
        await world.clock.advance(5)
        assert talk.session.sent == []


async def test_answer_that_meets_another_one_is_asked_for_again(world: World) -> None:
    async with talking(world, spec=PATIENT) as talk:
        await talk.caller_begins()
        await talk.caller_stops()
        talk.session.push(ModelWarning("conversation_already_has_active_response", "", "turn"))
        await world.clock.advance(1)
        assert talk.session.sent == [ANSWER, ANSWER]


async def test_answer_that_the_model_begins_by_itself_counts(world: World) -> None:
    async with talking(world, interruptible=False) as talk:
        await answering(talk)
        talk.session.push(ResponseStarted("r2", None))
        await settle()
        await talk.caller_begins()
        await talk.caller_stops()
        talk.session.push(done("r2"), ResponseStarted("r3", None), done("r3"))
        await world.clock.advance(5)
        assert talk.session.sent == []


async def test_turn_that_ends_while_the_last_one_is_answered_is_answered_too(world: World) -> None:
    async with talking(world, interruptible=False) as talk:
        await talk.caller_begins()
        await talk.caller_stops()
        talk.session.push(ResponseStarted("r1", "turn"))
        await settle()
        await talk.caller_begins("u2")
        await talk.caller_stops("u2")
        assert talk.session.sent == [ANSWER]
        talk.session.push(done())
        await settle()
        assert talk.session.sent == [ANSWER, ANSWER]


async def test_gateway_that_decides_is_told_of_each_turn_and_nobody_answers(world: World) -> None:
    async with talking(world, spec=spec(create_response=False)) as talk:
        await talk.caller_begins()
        await talk.caller_stops()
        await world.clock.advance(5)
        assert of(talk, TurnAwaitsResponse) == [TurnAwaitsResponse("u1")]
        assert talk.session.sent == []
        assert talk.agent_states == [LISTENING]
        assert talk.conversation.quiet, "nobody is waited for"


async def test_committed_turn_stops_the_agent_and_is_answered(world: World) -> None:
    async with talking(world, spec=spec(turn_detection=ManualTurns())) as talk:
        await talk.begin_answer(3000)
        await world.clock.advance(1)
        talk.session.send_audio_nowait(bytes(48_000))
        await talk.conversation.turns.commit()
        await settle()
        cancelled, truncated, committed, asked = talk.session.sent
        assert cancelled == Cancelled("r1")
        assert isinstance(truncated, Truncated)
        assert committed == Committed()
        assert asked == ANSWER
        assert played_ms(talk) == pytest.approx(1000, abs=20)


async def test_committed_turn_waits_for_the_gateway_where_it_decides(world: World) -> None:
    manual = spec(turn_detection=ManualTurns(), create_response=False)
    async with talking(world, spec=manual) as talk:
        talk.session.send_audio_nowait(bytes(48_000))
        await talk.conversation.turns.commit()
        await settle()
        assert of(talk, TurnAwaitsResponse) == [TurnAwaitsResponse("turn_1")]
        assert talk.session.sent == [Committed()]
