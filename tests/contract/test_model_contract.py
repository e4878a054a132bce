"""What holds for every provider of realtime models: the fake, the real ones on the simulator."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.ports.model import ModelSession
from bridge.ports.model_config import ConfigChange, ContextItem, ItemRole, ManualTurns
from bridge.ports.model_event import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    FunctionCall,
    ModelEvent,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    ToolAnswered,
    TurnCommitted,
    UserTextDone,
)
from bridge.ports.tool import ToolCallId
from tests.contract.model_worlds import (
    CHUNK_MS,
    CONFIG,
    World,
    fake_world,
    lasting_world,
    simulated_world,
    told,
)
from tests.fakes.model import Answers

Make = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture(
    params=[fake_world, simulated_world, lasting_world], ids=["fake", "simulated", "lasting"]
)
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    before = asyncio.all_tasks()
    yield request.param
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}


@pytest.fixture
async def world(make: Make) -> AsyncIterator[World]:
    async with make() as one:
        yield one


def only(events: list[ModelEvent], *kinds: type[ModelEvent]) -> list[ModelEvent]:
    return [event for event in events if isinstance(event, kinds)]


async def test_a_session_knows_what_it_was_told_before_it_began(world: World) -> None:
    context = (ContextItem(ItemRole.SYSTEM, "Rain."), ContextItem(ItemRole.AGENT, "It rains."))
    async with world.models.open(replace(CONFIG, context=context)) as session:
        await session.respond(tag="one")
        await told(session, ResponseDone)
        assert world.known(session)[:2] == ["Rain.", "It rains."]


async def test_open_session_has_a_name(world: World) -> None:
    async with world.models.open(CONFIG) as session:
        assert session.session_id


async def test_sessions_are_separate(world: World) -> None:
    async with world.models.open(CONFIG) as one, world.models.open(CONFIG) as other:
        assert one.session_id != other.session_id
        await one.respond(tag="one")
        await other.respond(tag="other")
        assert ResponseStarted in {type(event) for event in await told(one, ResponseDone)}
        [started] = only(await told(other, ResponseDone), ResponseStarted)
        assert isinstance(started, ResponseStarted)
        assert started.request_tag == "other"


@pytest.mark.parametrize(
    "failure",
    [
        ModelFailure.CONFIG_REJECTED,
        ModelFailure.AUTH,
        ModelFailure.RATE_LIMITED,
        ModelFailure.UNAVAILABLE,
    ],
)
async def test_refused_opening_says_why(world: World, failure: ModelFailure) -> None:
    config = world.refuse(failure)
    with pytest.raises(ModelError) as caught:
        async with world.models.open(config):
            pytest.fail("opened")
    assert caught.value.failure is failure


async def test_response_has_a_beginning_sound_text_and_an_end(world: World) -> None:
    async with world.models.open(CONFIG) as session:
        await session.respond(tag="greeting", instructions="Greet.")
        events = await told(session, ResponseDone)
        counters = session.counters()
    started, ended = events[0], events[-1]
    assert isinstance(started, ResponseStarted)
    assert isinstance(ended, ResponseDone)
    assert started.request_tag == "greeting"
    assert (ended.response_id, ended.status) == (started.response_id, ResponseStatus.COMPLETED)
    assert ended.tokens.output_audio > 0
    sound = [event for event in events if isinstance(event, AudioDelta)]
    assert sound
    assert all(delta.pcm and len(delta.pcm) % 2 == 0 for delta in sound)
    assert {delta.response_id for delta in sound} == {started.response_id}
    assert counters.audio_received_ms == pytest.approx(sum(len(d.pcm) for d in sound) / 48)
    last_sound = events.index(sound[-1])
    [sound_done] = only(events, AudioDone)
    assert events.index(sound_done) > last_sound
    [text_done] = only(events, AgentTextDone)
    assert isinstance(text_done, AgentTextDone)
    deltas = [event.text for event in events if isinstance(event, AgentTextDelta)]
    assert "".join(deltas) == text_done.text


async def test_text_to_say_is_answered_like_any_other_request(world: World) -> None:
    async with world.models.open(CONFIG) as session:
        await session.respond(tag="bye", say="Goodbye.")
        [started] = only(await told(session, ResponseDone), ResponseStarted)
        assert isinstance(started, ResponseStarted)
        assert started.request_tag == "bye"


async def test_request_cannot_both_instruct_and_say(world: World) -> None:
    async with world.models.open(CONFIG) as session:
        with pytest.raises(ValueError, match="exclude"):
            await session.respond(tag="x", instructions="Greet.", say="Hello.")


async def test_user_who_speaks_is_heard_and_answered(world: World) -> None:
    async with world.models.open(CONFIG) as session:
        await world.user_speaks(session)
        events = await told(session, ResponseDone)
        assert session.counters().audio_sent_ms >= CHUNK_MS
    [began], [ended] = only(events, SpeechStarted), only(events, SpeechStopped)
    [said], [started] = only(events, UserTextDone), only(events, ResponseStarted)
    assert isinstance(began, SpeechStarted)
    assert isinstance(ended, SpeechStopped)
    assert isinstance(said, UserTextDone)
    assert isinstance(started, ResponseStarted)
    assert began.item_id == ended.item_id == said.item_id
    assert began.audio_start_ms < ended.audio_end_ms
    assert events.index(began) < events.index(ended) < events.index(started)
    assert started.request_tag is None


async def test_cancelled_response_ends_as_cancelled(make: Make) -> None:
    async with make(Answers.BEGUN) as world, world.models.open(CONFIG) as session:
        await session.respond(tag="long")
        await told(session, AudioDelta)
        await session.cancel()
        *_, ended = await told(session, ResponseDone)
    assert isinstance(ended, ResponseDone)
    assert ended.status is ResponseStatus.CANCELLED


async def test_response_can_be_cancelled_before_it_began(make: Make) -> None:
    async with make(Answers.BEGUN) as world, world.models.open(CONFIG) as session:
        await session.respond(tag="long")
        await session.cancel()
        started, *_, ended = await told(session, ResponseDone)
    assert isinstance(started, ResponseStarted)
    assert isinstance(ended, ResponseDone)
    assert ended.status is ResponseStatus.CANCELLED


async def test_second_response_at_once_is_refused_with_its_tag(make: Make) -> None:
    async with make(Answers.BEGUN) as world, world.models.open(CONFIG) as session:
        await session.respond(tag="first")
        await told(session, ResponseStarted)
        await session.respond(tag="second")
        *_, refused = await told(session, ModelWarning)
    assert isinstance(refused, ModelWarning)
    assert refused.code == "conversation_already_has_active_response"
    assert refused.request_tag == "second"


async def test_commands_that_come_too_late_are_no_error(world: World) -> None:
    async with world.models.open(CONFIG) as session:
        await session.cancel()
        await session.cancel("resp_gone")
        await session.truncate("item_gone", 0, 100)
        await session.delete("item_gone")
        await session.respond(tag="after")
        assert only(await told(session, ResponseDone), ModelWarning) == []


async def calls_of(session: ModelSession) -> list[FunctionCall]:
    await session.respond(tag="calling")
    events = await told(session, ResponseDone)
    return [event for event in events if isinstance(event, FunctionCall)]


async def next_answer(session: ModelSession, tag: str) -> tuple[str, list[ToolCallId]]:
    """Return what the model says, and which outputs it took in before."""
    await session.respond(tag=tag)
    events = await told(session, ResponseDone)
    answered = [event.call_id for event in events if isinstance(event, ToolAnswered)]
    began = next(n for n, event in enumerate(events) if isinstance(event, ResponseStarted))
    assert all(isinstance(event, ToolAnswered) for event in events[:began])
    [text] = [event.text for event in events if isinstance(event, AgentTextDone)]
    return text, answered


async def test_functions_that_the_model_calls_are_told_within_their_response(make: Make) -> None:
    async with make(Answers.CALLS) as world, world.models.open(CONFIG) as session:
        await session.respond(tag="calling")
        started, *calls, ended = await told(session, ResponseDone)
    assert isinstance(started, ResponseStarted)
    assert isinstance(ended, ResponseDone)
    assert ended.status is ResponseStatus.COMPLETED
    assert [one.name for one in calls if isinstance(one, FunctionCall)] == ["weather", "time"]
    for call in calls:
        assert isinstance(call, FunctionCall)
        assert call.response_id == started.response_id
        assert call.arguments == '{"city":"Paris"}'
        assert 0 < len(call.call_id) <= 32
    assert len({call.call_id for call in calls if isinstance(call, FunctionCall)}) == 2


async def test_outputs_are_told_and_spoken_of_once_that_is_asked_for(make: Make) -> None:
    async with make(Answers.CALLS) as world, world.models.open(CONFIG) as session:
        weather, time = await calls_of(session)
        await session.answer_tool(time.call_id, "noon")
        await session.answer_tool(weather.call_id, "sunny")
        text, answered = await next_answer(session, "after")
    assert text == "noon sunny"
    assert answered == [time.call_id, weather.call_id]


async def test_a_call_can_be_answered_again(make: Make) -> None:
    async with make(Answers.CALLS) as world, world.models.open(CONFIG) as session:
        weather, time = await calls_of(session)
        await session.answer_tool(weather.call_id, "begun")
        await session.answer_tool(time.call_id, "noon")
        assert (await next_answer(session, "first"))[0] == "begun noon"
        for news in ("sunny", "now cloudy"):
            await session.answer_tool(weather.call_id, news)
            assert await next_answer(session, news) == (news, [weather.call_id])


async def test_output_of_what_was_never_called_is_a_warning(make: Make) -> None:
    async with make(Answers.CALLS) as world, world.models.open(CONFIG) as session:
        await session.answer_tool(ToolCallId("call_x"), "42")
        [refused] = await told(session, ModelWarning)
    assert isinstance(refused, ModelWarning)
    assert refused.code == "invalid_tool_call_id"


async def test_session_goes_on_with_another_configuration(world: World) -> None:
    async with world.models.open(CONFIG) as session:
        await session.update(ConfigChange(instructions="Be briefer.", language="de"))
        assert await world.told_to_be(session) == ("Be briefer.", "de")
        await session.update(ConfigChange(language="fr"))
        assert await world.told_to_be(session) == ("Be briefer.", "fr")


async def test_turn_is_answered_by_the_model_or_when_it_is_told_to(world: World) -> None:
    async with world.models.open(replace(CONFIG, create_response=False)) as session:
        await world.user_speaks(session)
        await told(session, SpeechStopped)
        await session.respond(tag="now")
        [started] = only(await told(session, ResponseDone), ResponseStarted)
        assert isinstance(started, ResponseStarted)
        assert started.request_tag == "now"
        await session.update(ConfigChange(create_response=True))
        await world.told_to_be(session)
        await world.user_speaks(session)
        [started] = only(await told(session, ResponseDone), ResponseStarted)
        assert isinstance(started, ResponseStarted)
        assert started.request_tag is None


async def test_manual_turn_ends_when_it_is_committed_and_is_not_answered(world: World) -> None:
    async with world.models.open(replace(CONFIG, turn_detection=ManualTurns())) as session:
        session.send_audio_nowait(bytes(24_000))
        await session.commit_turn()
        events = await told(session, TurnCommitted)
        assert only(events, SpeechStarted, ResponseStarted) == []
        await session.respond(tag="now")
        [started] = only(await told(session, ResponseDone), ResponseStarted)
        assert isinstance(started, ResponseStarted)
        assert started.request_tag == "now"


async def test_turn_of_nothing_is_refused_with_a_warning(world: World) -> None:
    async with world.models.open(replace(CONFIG, turn_detection=ManualTurns())) as session:
        session.send_audio_nowait(bytes(960))
        await session.commit_turn()
        [*_, warning] = await told(session, ModelWarning)
        assert isinstance(warning, ModelWarning)
        assert warning.code == "input_audio_buffer_commit_empty"


async def test_lost_session_raises_to_its_reader_and_its_callers(world: World) -> None:
    async with world.models.open(CONFIG) as session:
        world.lose(session)
        with pytest.raises(ModelError) as caught:
            await told(session, ResponseDone)
        assert caught.value.failure is ModelFailure.LOST
        for command in (
            session.respond(tag="late"),
            session.delete("item_1"),
            session.commit_turn(),
            session.answer_tool(ToolCallId("call_1"), "42"),
            session.update(ConfigChange(language="de")),
        ):
            with pytest.raises(ModelError):
                await command
        session.send_audio_nowait(bytes(960))


async def test_reader_ends_quietly_when_we_leave(world: World) -> None:
    async def read(session: ModelSession) -> list[ModelEvent]:
        return [event async for event in session.events()]

    async with asyncio.TaskGroup() as tasks, world.models.open(CONFIG) as session:
        reading = tasks.create_task(read(session))
        await asyncio.sleep(0)
    assert reading.result() == []


async def test_session_we_left_takes_no_more(world: World) -> None:
    async with world.models.open(CONFIG) as session:
        pass
    session.send_audio_nowait(bytes(960))
    assert session.counters().audio_sent_ms == 0
    assert session.counters().audio_dropped_ms == 20
    with pytest.raises(ModelError) as caught:
        await session.respond(tag="late")
    assert caught.value.failure is ModelFailure.LOST
    assert [event async for event in session.events()] == []


async def test_failure_of_the_caller_comes_out_as_it_is(world: World) -> None:
    with pytest.raises(LookupError):
        async with world.models.open(CONFIG):
            raise LookupError


async def test_ephemeral_key_lives_as_long_as_asked(world: World) -> None:
    key = await world.models.create_ephemeral_key(CONFIG, ttl_s=120)
    assert key.value
    assert key.session["model"] == CONFIG.model
    ends_in = key.expires_at - datetime.now(UTC)
    assert timedelta(seconds=100) < ends_in <= timedelta(seconds=121)
