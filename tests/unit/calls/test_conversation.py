"""One call's talk with its model: playing, agent states, greeting, words, costs."""

import asyncio

import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.ports.agent import Greeting, PromptGreeting, SayGreeting, UserFirst
from bridge.ports.call import AgentState
from bridge.ports.event import (
    LinkState,
    ModelStateChanged,
    ResponseBegan,
    ResponseFinished,
    Resumption,
    Role,
    Transcript,
    TurnMeasured,
    UserSpeech,
    Warned,
)
from bridge.ports.model_event import (
    AgentTextDone,
    AudioDone,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SessionInterrupted,
    SessionResumed,
    SessionRotated,
    SpeechStarted,
    SpeechStopped,
    UserTextDone,
)
from bridge.ports.usage import TokenCounts
from tests.fakes.clock import settle
from tests.fakes.model import Responded
from tests.tones import loudest_hz
from tests.unit.calls.rig import World
from tests.unit.calls.talk import ADA, talking

IDLE, LISTENING, THINKING, SPEAKING, TOOL = AgentState
DONE = ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts(output_audio=5))


async def test_the_model_s_voice_is_played_as_it_sounds(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(500, hz=440)
        talk.session.push(AudioDone("r1", "i1", 0), DONE)
        await world.clock.advance(1)
        assert loudest_hz(talk.output.played) == pytest.approx(440, abs=3)
        assert len(talk.output.played) == pytest.approx(48_000, rel=0.05)
        (turn,) = talk.turns
        assert turn.agent_heard_ms == pytest.approx(500)
        assert not turn.interrupted


async def test_agent_listens_thinks_speaks_and_listens_again(world: World) -> None:
    async with talking(world) as talk:
        await talk.caller_begins()
        await talk.caller_stops()
        await talk.begin_answer(200)
        talk.session.push(AudioDone("r1", "i1", 0), DONE)
        await settle()
        assert talk.agent_states == [LISTENING, THINKING, SPEAKING]
        await world.clock.advance(0.1)
        assert talk.agent_states[-1] is SPEAKING, "the answer is done, but still heard"
        await world.clock.advance(0.2)
        assert talk.agent_states == [LISTENING, THINKING, SPEAKING, LISTENING]


async def test_agent_still_speaks_when_the_sound_ends_before_the_answer(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(100)
        talk.session.push(AudioDone("r1", "i1", 0))
        await world.clock.advance(1)
        assert talk.agent_states[-1] is SPEAKING
        talk.session.push(DONE)
        await settle()
        assert talk.agent_states[-1] is LISTENING


async def test_answer_without_sound_leaves_the_agent_listening(world: World) -> None:
    async with talking(world) as talk:
        failed = ResponseDone("r1", ResponseStatus.FAILED, TokenCounts(), "server_error")
        talk.session.push(ResponseStarted("r1", None), failed)
        await settle()
        assert talk.agent_states == [THINKING, LISTENING]
        assert ResponseFinished("r1", ResponseStatus.FAILED, TokenCounts(), "server_error") in (
            talk.kinds
        )


async def test_first_sound_is_noted_once(world: World) -> None:
    async with talking(world) as talk:
        await world.clock.advance(1)
        await talk.begin_answer(100)
        first_at = talk.record.view().first_agent_audio_at
        assert first_at == world.clock.now()
        talk.session.push(AudioDone("r1", "i1", 0), DONE)
        await world.clock.advance(1)
        await talk.begin_answer(100, "r2", "i2")
        assert talk.record.view().first_agent_audio_at == first_at


@pytest.mark.parametrize(
    ("greeting", "asked"),
    [
        (SayGreeting("Welcome."), Responded("greeting", None, "Welcome.")),
        (PromptGreeting("Greet them."), Responded("greeting", "Greet them.", None)),
    ],
)
async def test_what_the_greeting_says_is_asked_of_the_model(
    world: World, greeting: Greeting, asked: Responded
) -> None:
    async with talking(world) as talk, asyncio.TaskGroup() as group:
        greeted = group.create_task(talk.conversation.greet(greeting))
        await settle()
        assert talk.session.sent == [asked]
        talk.session.answer(tag="greeting", audio_ms=500)
        await world.clock.advance(0.4)
        assert not greeted.done(), "it is still heard"
        await world.clock.advance(0.2)
        assert greeted.done()


async def test_agent_that_lets_the_user_begin_listens_and_says_nothing(world: World) -> None:
    async with talking(world) as talk:
        await talk.conversation.greet(UserFirst())
        await settle()
        assert talk.session.sent == []
        assert talk.agent_states == [LISTENING]


async def test_greeting_is_told_apart_from_answers(world: World) -> None:
    async with talking(world) as talk:
        talk.session.answer(tag="greeting")
        talk.session.answer()
        await settle()
    began = [kind for kind in talk.kinds if isinstance(kind, ResponseBegan)]
    assert began == [ResponseBegan("resp_1", True), ResponseBegan("resp_2", False)]


async def test_words_of_both_sides_are_told_and_kept(world: World) -> None:
    async with talking(world) as talk:
        await talk.caller_begins("u1")
        talk.session.push(UserTextDone("u1", "What time is it?", 0.75))
        await talk.caller_stops("u1")
        await talk.begin_answer(100)
        talk.session.push(AudioDone("r1", "i1", 0), AgentTextDone("i1", 0, "Noon."))
        await world.clock.advance(1)
        told = [kind for kind in talk.kinds if isinstance(kind, Transcript) and kind.final]
        assert [(words.role, words.text, words.confidence) for words in told] == [
            (Role.USER, "What time is it?", 0.75),
            (Role.AGENT, "Noon.", None),
        ]
        (turn,) = talk.turns
        assert (turn.user_text, turn.agent_text) == ("What time is it?", "Noon.")


async def test_words_of_a_caller_have_the_times_of_the_sound_not_of_the_news(
    world: World,
) -> None:
    async with talking(world) as talk:
        created_s = world.clock.monotonic_s()
        await world.clock.advance(5)
        # Energy detection puts 300 ms before speech, and 500 ms of silence behind it.
        talk.session.push(SpeechStarted("u1", 0, created_s + 2))
        talk.session.push(SpeechStopped("u1", 0, created_s + 4))
        talk.session.push(UserTextDone("u1", "Hello."))
        await settle()
        (words,) = (kind for kind in talk.kinds if isinstance(kind, Transcript))
        assert words.speaker == ADA
        assert words.start_offset_s == pytest.approx(2.3)
        assert words.end_offset_s == pytest.approx(3.5)


async def test_times_of_sound_that_nobody_can_tell_are_those_of_the_news(world: World) -> None:
    async with talking(world) as talk:
        await world.clock.advance(2)
        talk.session.push(SpeechStarted("u1", 0))
        await world.clock.advance(1)
        talk.session.push(SpeechStopped("u1", 0), UserTextDone("u1", "Hello."))
        await settle()
        (words,) = (kind for kind in talk.kinds if isinstance(kind, Transcript))
        assert (words.start_offset_s, words.end_offset_s) == (2, 3)


async def test_costs_add_up_and_belong_to_their_turn(world: World) -> None:
    async with talking(world) as talk:
        await talk.begin_answer(100)
        talk.session.push(DONE)
        await talk.caller_begins()
        talk.session.push(ResponseStarted("r2", None))
        talk.session.push(ResponseDone("r2", ResponseStatus.COMPLETED, TokenCounts(input_text=3)))
        await settle()
        assert talk.record.view().usage == TokenCounts(input_text=3, output_audio=5)
        assert [turn.tokens for turn in talk.turns] == [
            TokenCounts(output_audio=5),
            TokenCounts(input_text=3),
        ]


async def test_who_speaks_is_told_with_the_item(world: World) -> None:
    async with talking(world) as talk:
        await talk.caller_begins("u7")
        await world.clock.advance(2)
        await talk.caller_stops("u7")
    speech = [kind for kind in talk.kinds if isinstance(kind, UserSpeech)]
    assert speech == [UserSpeech(True, ADA, "u7"), UserSpeech(False, ADA, "u7")]


async def test_session_that_goes_on_is_told_with_what_that_took(world: World) -> None:
    async with talking(world) as talk:
        talk.session.push(
            SessionInterrupted("s1", ModelFailure.LOST),
            SessionResumed("s2", 250.0, 40.0, 12),
            SessionRotated("s3", 14),
        )
        await settle()
        assert [kind for kind in talk.kinds if isinstance(kind, ModelStateChanged)] == [
            ModelStateChanged(LinkState.INTERRUPTED, "s1"),
            ModelStateChanged(LinkState.RESUMED, "s2", Resumption(0.25, 0.04, 12)),
            ModelStateChanged(LinkState.RESUMED, "s3", Resumption(0.0, 0.0, 14)),
        ]


async def test_wait_for_an_answer_is_told_once_it_is_heard_by_the_clock_of_the_sound(
    world: World,
) -> None:
    async with talking(world) as talk:
        await talk.caller_begins()
        await world.clock.advance(1)
        silent_s = world.clock.monotonic_s()
        await world.clock.advance(0.6)
        # Its silence of 500 ms is over: that it went to the model was 100 ms ago.
        talk.session.push(SpeechStopped("u1", 1500, at_s=silent_s + 0.5))
        await world.clock.advance(0.3)
        await talk.begin_answer(200)
        [measured] = [kind for kind in talk.kinds if isinstance(kind, TurnMeasured)]
        assert measured.latency.total_s == pytest.approx(0.9, abs=0.02)
        assert measured.latency.endpointing_s == pytest.approx(0.6)
        assert measured.latency.model_s == pytest.approx(0.3)
        assert talk.turns[0].latency == measured.latency


async def test_what_the_model_refused_is_a_warning_and_an_incident(world: World) -> None:
    async with talking(world) as talk:
        talk.session.push(ModelWarning("item_truncate_invalid", "conversation.truncate refused"))
        await settle()
        assert Warned("item_truncate_invalid", "conversation.truncate refused") in talk.kinds


async def test_session_that_breaks_is_raised_behind_what_it_said(world: World) -> None:
    failure = ModelError(ModelFailure.LOST, "1006")
    states: list[AgentState] = []

    async def break_session() -> None:
        async with talking(world) as talk:
            talk.session.push(SpeechStarted("u1", 0))
            talk.session.fail(failure)
            try:
                await settle()
            finally:
                states.append(talk.record.agent_state)

    with pytest.raises(ExceptionGroup) as raised:
        await break_session()
    assert raised.value.exceptions == (failure,)
    assert states == [LISTENING]
