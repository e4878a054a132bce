"""What is said while tools work, and when they have answered."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.ports.model_event import (
    AudioDone,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
)
from bridge.ports.tool import (
    ToolMode,
    ToolReaction,
    ToolStatus,
)
from bridge.ports.usage import TokenCounts
from tests.fakes.clock import settle
from tests.fakes.model import Responded
from tests.unit.calls.rig import World
from tests.unit.calls.tool_talk import (
    ASKED,
    LISTENING,
    PARIS,
    TOOL,
    WEATHER,
    answer,
    call,
    finished,
    last_words,
    outputs,
    requests,
    talking_with,
)

if TYPE_CHECKING:
    from tests.unit.calls.talk import Talk


class TestWhatIsSaid:
    async def test_agent_that_listens_takes_note_in_silence(self, world: World) -> None:
        async with talking_with(world, replace(WEATHER, reaction=ToolReaction.LISTEN)) as talk:
            [call_id] = await call(talk, "weather")
            await answer(talk, call_id)
            assert outputs(talk) == ["sunny"]
            assert requests(talk) == []
            assert talk.agent_states[-1] is LISTENING

    @pytest.mark.parametrize("speaking", [False, True])
    async def test_agent_that_speaks_if_it_is_silent(self, world: World, speaking: bool) -> None:
        tool = replace(WEATHER, reaction=ToolReaction.SPEAK_IF_SILENT)
        async with talking_with(world, tool) as talk:
            [call_id] = await call(talk, "weather")
            if speaking:
                await talk.caller_begins()
            await answer(talk, call_id)
            await world.clock.advance(0.1)
            assert requests(talk) == ([] if speaking else [ASKED])

    async def test_one_that_speaks_is_enough_among_several(self, world: World) -> None:
        quiet = replace(WEATHER, name="quiet", reaction=ToolReaction.LISTEN)
        async with talking_with(world, WEATHER, quiet) as talk:
            loud, silent = await call(talk, "weather", "quiet")
            await answer(talk, loud)
            await answer(talk, silent)
            assert requests(talk) == [ASKED]

    async def test_nothing_is_asked_while_the_caller_speaks(self, world: World) -> None:
        async with talking_with(world, WEATHER) as talk:
            [call_id] = await call(talk, "weather")
            await talk.caller_begins()
            await answer(talk, call_id)
            await world.clock.advance(3)
            assert requests(talk) == []
            await talk.caller_stops()
            await world.clock.advance(2.9)
            assert requests(talk) == [], "the model may answer the turn by itself"
            await world.clock.advance(0.2)
            assert requests(talk) == [ASKED]

    async def test_answer_of_the_model_s_own_speaks_of_the_outputs_too(self, world: World) -> None:
        async with talking_with(world, WEATHER) as talk:
            [call_id] = await call(talk, "weather")
            await talk.caller_begins()
            await answer(talk, call_id)
            await talk.caller_stops()
            talk.session.answer(audio_ms=100)
            await world.clock.advance(5)
            assert requests(talk) == []

    async def test_answer_that_began_before_the_output_came_does_not(self, world: World) -> None:
        async with talking_with(world, WEATHER) as talk:
            [call_id] = await call(talk, "weather")
            talk.session.acknowledges = False
            await talk.caller_begins()
            await answer(talk, call_id)
            await talk.caller_stops()
            begun = talk.session.begin_answer(audio_ms=100)
            talk.session.acknowledge(call_id)
            await settle()
            assert requests(talk) == []
            talk.session.end_answer(begun)
            await settle()
            assert requests(talk) == [ASKED]

    async def test_request_that_races_an_answer_of_the_model_s_own_is_made_again(
        self, world: World
    ) -> None:
        async with talking_with(world, WEATHER) as talk:
            [call_id] = await call(talk, "weather")
            talk.session.acknowledges = False
            await answer(talk, call_id)
            assert requests(talk) == [ASKED]
            code = "conversation_already_has_active_response"
            begun = talk.session.begin_answer(audio_ms=100)
            talk.session.acknowledge(call_id)
            talk.session.push(ModelWarning(code, "response.create refused", "tool"))
            await world.clock.advance(1)
            assert requests(talk) == [ASKED]
            talk.session.end_answer(begun)
            await settle()
            assert len(requests(talk)) == 2

    async def test_session_that_is_gone_ends_nothing_twice(self, world: World) -> None:
        failure = ModelError(ModelFailure.LOST, "1006")
        talks: list[Talk] = []

        async def break_session() -> None:
            async with talking_with(world, WEATHER) as talk:
                talks.append(talk)
                await call(talk, "weather")
                talk.session.fail(failure)
                await settle()

        with pytest.raises(ExceptionGroup) as raised:
            await break_session()
        assert raised.value.exceptions == (failure,)
        assert finished(talks[0]) == [(ToolStatus.CANCELLED, "call_ended")]


class TestFiller:
    SLOW = replace(WEATHER, filler_text="One moment.", filler_after_s=1.0)
    FILLER = Responded("filler", None, "One moment.")

    async def test_is_said_while_a_slow_tool_works(self, world: World) -> None:
        async with talking_with(world, self.SLOW) as talk:
            [call_id] = await call(talk, "weather")
            await world.clock.advance(0.9)
            assert requests(talk) == []
            await world.clock.advance(0.2)
            assert requests(talk) == [self.FILLER]
            filler = talk.session.begin_answer("filler", audio_ms=300)
            await answer(talk, call_id)
            assert len(requests(talk)) == 1, "the filler is being made"
            talk.session.end_answer(filler)
            await settle()
            assert requests(talk) == [self.FILLER, ASKED]

    async def test_is_not_said_for_a_quick_one(self, world: World) -> None:
        async with talking_with(world, self.SLOW) as talk:
            [call_id] = await call(talk, "weather")
            await answer(talk, call_id)
            await world.clock.advance(2)
            assert requests(talk) == [ASKED]

    async def test_is_said_once_for_several(self, world: World) -> None:
        async with talking_with(world, self.SLOW) as talk:
            await call(talk, "weather", "weather")
            await world.clock.advance(1.1)
            talk.session.answer("filler", audio_ms=100)
            await world.clock.advance(2)
            assert requests(talk) == [self.FILLER]

    async def test_waits_until_the_agent_has_finished(self, world: World) -> None:
        async with talking_with(world, self.SLOW) as talk:
            await talk.begin_answer(3000)
            talk.session.call_within("r1", "weather", arguments=PARIS)
            done = ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts())
            talk.session.push(AudioDone("r1", "i1", 0), done)
            await world.clock.advance(2.5)
            assert requests(talk) == []
            await world.clock.advance(1)
            assert requests(talk) == [self.FILLER]

    async def test_is_not_said_into_the_caller_s_words(self, world: World) -> None:
        async with talking_with(world, self.SLOW) as talk:
            await call(talk, "weather")
            await talk.caller_begins()
            await world.clock.advance(3)
            assert requests(talk) == []


class TestInBackground:
    ASYNC = replace(WEATHER, mode=ToolMode.ASYNC, timeout_s=60)

    async def test_model_is_told_that_work_has_begun_and_then_what_came_of_it(
        self, world: World
    ) -> None:
        async with talking_with(world, self.ASYNC) as talk:
            [call_id] = await call(talk, "weather")
            [begun] = outputs(talk)
            assert begun["status"] == "started"
            assert requests(talk) == [ASKED]
            talk.session.answer("tool", audio_ms=100)
            await world.clock.advance(30)
            await answer(talk, call_id)
            assert outputs(talk)[1:] == ["sunny"]
            assert requests(talk) == [ASKED, ASKED]
            assert TOOL not in talk.agent_states

    async def test_one_that_is_done_before_its_response_is_spoken_of_once(
        self, world: World
    ) -> None:
        async with talking_with(world, self.ASYNC) as talk:
            talk.session.push(ResponseStarted("r1", None))
            [call_id] = talk.session.call_within("r1", "weather", arguments=PARIS)
            await settle()
            await answer(talk, call_id)
            talk.session.push(ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts()))
            await settle()
            assert requests(talk) == [ASKED]
            talk.session.answer("tool", audio_ms=100)
            await world.clock.advance(5)
            assert requests(talk) == [ASKED]
            async with asyncio.timeout(1):
                await last_words(talk)

    async def test_nothing_is_asked_where_the_agent_has_announced_it(self, world: World) -> None:
        async with talking_with(world, self.ASYNC) as talk:
            await talk.begin_answer(200)
            talk.session.call_within("r1", "weather", arguments=PARIS)
            talk.session.push(ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts()))
            await world.clock.advance(1)
            assert len(outputs(talk)) == 1
            assert requests(talk) == []
