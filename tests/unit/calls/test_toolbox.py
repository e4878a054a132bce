"""What becomes of tools that the model calls: executed, answered, and spoken of when it fits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.ports.call import AgentState, Ending, EndReason
from bridge.ports.event import ToolCalled, ToolFinished
from bridge.ports.model_config import ConfigChange
from bridge.ports.model_event import (
    AudioDone,
    FunctionCall,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
)
from bridge.ports.report import MediaTotals, ToolTotals
from bridge.ports.tool import (
    MAX_OUTPUT_BYTES,
    ToolCallId,
    ToolFailure,
    ToolMode,
    ToolReaction,
    ToolSpec,
    ToolStatus,
)
from bridge.ports.usage import TokenCounts
from tests.fakes.agents import SILENT, SPEC
from tests.fakes.clock import settle
from tests.fakes.model import Answered, Responded
from tests.unit.calls.rig import World
from tests.unit.calls.talk import Talk, talking

_, LISTENING, THINKING, SPEAKING, TOOL = AgentState
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
WEATHER = ToolSpec("weather", "Tells the weather.", CITY, timeout_s=5)
PARIS = '{"city":"Paris"}'
ASKED = Responded("tool", None, None)


@asynccontextmanager
async def talking_with(world: World, *tools: ToolSpec) -> AsyncIterator[Talk]:
    agent = replace(SILENT, model=replace(SILENT.model, tools=tools))
    async with talking(world, spec=replace(SPEC, agent=agent, metadata={"crm": "7"})) as talk:
        yield talk


async def call(talk: Talk, *names: str, arguments: str = PARIS) -> list[ToolCallId]:
    called = talk.session.call(*names, arguments=arguments)
    await settle()
    return called


async def answer(talk: Talk, call_id: ToolCallId, output: str = '"sunny"') -> None:
    talk.tools.answer(call_id, output)
    await settle()


async def last_words(talk: Talk) -> None:
    await talk.conversation.toolbox.finish()
    await talk.playout.drained()


def finished(talk: Talk) -> list[tuple[ToolStatus, str]]:
    uses = [kind.use for kind in talk.kinds if isinstance(kind, ToolFinished)]
    return [(use.status, use.code) for use in uses]


def outputs(talk: Talk) -> list[Any]:
    """Return what the model was told of its tools: codes, where they failed."""
    told = [orjson.loads(sent.output) for sent in talk.session.sent if isinstance(sent, Answered)]
    return [
        one["error"]["code"] if isinstance(one, dict) and "error" in one else one for one in told
    ]


def requests(talk: Talk) -> list[Responded]:
    return [sent for sent in talk.session.sent if isinstance(sent, Responded)]


async def test_a_tool_is_executed_answered_and_spoken_of(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        [call_id] = await call(talk, "weather")
        [invocation] = talk.tools.invoked
        assert talk.session.sent == []
        await world.clock.advance(1.5)
        await answer(talk, call_id)
        assert talk.session.sent == [Answered(call_id, '"sunny"'), ASKED]
    assert (invocation.name, invocation.arguments) == ("weather", PARIS)
    assert invocation.agent_id == SILENT.agent_id
    assert (invocation.connection_id, invocation.tenant_id) == (SPEC.connection_id, SPEC.tenant_id)
    assert invocation.metadata == {"crm": "7"}
    assert invocation.deadline == world.clock.now() - timedelta(seconds=1.5 - 5)
    assert ToolCalled(call_id, "weather", "resp_1", PARIS) in talk.kinds
    [use] = [kind.use for kind in talk.kinds if isinstance(kind, ToolFinished)]
    assert (use.tool_call_id, use.name, use.status) == (call_id, "weather", ToolStatus.SUCCEEDED)
    assert use.duration_s == pytest.approx(1.5)


async def test_calls_of_one_response_are_spoken_of_once_when_all_are_answered(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        first, second = await call(talk, "weather", "weather")
        await answer(talk, second)
        assert requests(talk) == []
        await answer(talk, first)
        assert requests(talk) == [ASKED]


async def test_nothing_is_asked_before_the_calling_response_is_over(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        talk.session.push(ResponseStarted("r1", None))
        await talk.go_on(200)
        [call_id] = talk.session.call_within("r1", "weather", arguments=PARIS)
        await settle()
        await answer(talk, call_id)
        assert requests(talk) == []
        talk.session.push(ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts()))
        await settle()
        assert requests(talk) == [ASKED]


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("weather", "{}", "invalid_arguments"),
        ("weather", '{"city":7}', "invalid_arguments"),
        ("weather", "[]", "invalid_arguments"),
        ("weather", '{"city":', "invalid_arguments"),
        ("weather", "", "invalid_arguments"),
        ("time", "{}", "unknown_tool"),
        ("say: my card is 4111", "{}", "unknown_tool"),
    ],
)
async def test_call_that_cannot_be_executed_is_answered_at_once(
    world: World, name: str, arguments: str, code: str
) -> None:
    async with talking_with(world, WEATHER) as talk:
        await call(talk, name, arguments=arguments)
        assert talk.tools.invoked == []
        assert outputs(talk) == [code]
        assert requests(talk) == [ASKED]
    assert finished(talk) == [(ToolStatus.FAILED, code)]
    assert "4111" not in str([kind for kind in talk.kinds if isinstance(kind, ToolFinished)])


async def test_call_without_any_arguments_is_one_with_none(world: World) -> None:
    async with talking_with(world, replace(WEATHER, parameters={"type": "object"})) as talk:
        await call(talk, "weather", arguments="")
        assert [invocation.arguments for invocation in talk.tools.invoked] == ["{}"]


async def test_tool_that_is_too_slow_is_stopped_and_the_model_told(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        [call_id] = await call(talk, "weather")
        await world.clock.advance(4.9)
        assert outputs(talk) == []
        await world.clock.advance(0.2)
        assert talk.tools.cancelled == {call_id: "timeout"}
        assert outputs(talk) == ["timeout"]
        assert requests(talk) == [ASKED]
    assert finished(talk) == [(ToolStatus.TIMED_OUT, "timeout")]


async def test_words_for_a_timeout_are_said_in_place_of_the_model_s(world: World) -> None:
    async with talking_with(world, replace(WEATHER, timeout_text="Sorry.")) as talk:
        await call(talk, "weather")
        await world.clock.advance(5.1)
        assert outputs(talk) == ["timeout"]
        assert requests(talk) == [Responded("tool_timeout", None, "Sorry.")]


async def test_executor_s_failure_is_told_to_the_model_without_its_private_part(
    world: World,
) -> None:
    async with talking_with(world, WEATHER) as talk:
        [call_id] = await call(talk, "weather")
        talk.tools.fail(call_id, ToolFailure("no_city", "No such city.", "row 12 is missing"))
        await settle()
        assert outputs(talk) == ["no_city"]
        assert "row 12" not in str(talk.session.sent)
        assert requests(talk) == [ASKED]
    [use] = [kind.use for kind in talk.kinds if isinstance(kind, ToolFinished)]
    assert (use.status, use.code, use.private_detail) == (
        ToolStatus.FAILED,
        "no_city",
        "row 12 is missing",
    )


async def test_executor_that_breaks_down_costs_its_output_and_not_the_call(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        [call_id] = await call(talk, "weather")
        talk.tools.break_down(call_id, RuntimeError("my card is 4111"))
        await settle()
        assert outputs(talk) == ["internal"]
        assert "4111" not in str(talk.session.sent)


async def test_output_that_is_too_large_is_not_told(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        first, second = await call(talk, "weather", "weather")
        await answer(talk, first, f'"{"x" * (MAX_OUTPUT_BYTES - 2)}"')
        await answer(talk, second, f'"{"x" * (MAX_OUTPUT_BYTES - 1)}"')
        assert outputs(talk)[1] == "output_too_large"
        assert len(outputs(talk)[0]) == MAX_OUTPUT_BYTES - 2


async def test_code_of_an_executor_that_is_no_code_is_not_told(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        [call_id] = await call(talk, "weather")
        talk.tools.fail(call_id, ToolFailure("my card is 4111"))
        await settle()
    assert finished(talk) == [(ToolStatus.FAILED, "failed")]


async def test_agent_waits_for_its_tool_visibly(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        await talk.caller_begins()
        await talk.caller_stops()
        [call_id] = await call(talk, "weather")
        await answer(talk, call_id)
        talk.session.answer("tool", audio_ms=100)
        await world.clock.advance(1)
        assert talk.agent_states == [LISTENING, THINKING, TOOL, THINKING, SPEAKING, LISTENING]


async def test_agent_that_speaks_while_it_calls_waits_when_it_has_finished(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        await talk.begin_answer(200)
        [call_id] = talk.session.call_within("r1", "weather", arguments=PARIS)
        done = ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts())
        talk.session.push(AudioDone("r1", "i1", 0), done)
        await settle()
        assert talk.agent_states == [THINKING, SPEAKING]
        await world.clock.advance(1)
        assert talk.agent_states == [THINKING, SPEAKING, TOOL]
        await answer(talk, call_id)
        assert talk.agent_states[-1] is THINKING


async def test_report_names_the_tools_of_each_turn(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        await talk.caller_begins("u1")
        await talk.caller_stops("u1")
        [slow] = await call(talk, "weather")
        await talk.begin_answer(100)
        await talk.caller_begins("u2")
        await talk.caller_stops("u2")
        await answer(talk, slow)
        await call(talk, "time")
        first, second = talk.turns
        report = talk.record.report(MediaTotals())
    assert [use.name for use in first.tools] == ["weather"]
    assert [use.code for use in second.tools] == ["unknown_tool"]
    assert report.tools == ToolTotals(succeeded=1, failed=1)


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


class TestInterruption:
    LIGHT = replace(WEATHER, name="light", cancel_on_interruption=True)

    async def test_stops_the_tools_that_say_so(self, world: World) -> None:
        async with talking_with(world, self.LIGHT, WEATHER) as talk:
            light, heavy = await call(talk, "light", "weather")
            await talk.caller_begins()
            assert talk.tools.cancelled == {light: "interrupted"}
            assert outputs(talk) == ["interrupted"]
            await answer(talk, heavy)
        assert finished(talk) == [
            (ToolStatus.CANCELLED, "interrupted"),
            (ToolStatus.SUCCEEDED, ""),
        ]

    async def test_leaves_the_answer_to_what_the_caller_says(self, world: World) -> None:
        async with talking_with(world, self.LIGHT) as talk:
            await call(talk, "light")
            await talk.caller_begins()
            await talk.caller_stops()
            await world.clock.advance(5)
            assert requests(talk) == []

    async def test_stops_nothing_where_the_agent_may_not_be_interrupted(self, world: World) -> None:
        agent = replace(SILENT, model=replace(SILENT.model, tools=(self.LIGHT,)))
        spec = replace(SPEC, agent=agent)
        async with talking(world, interruptible=False, spec=spec) as talk:
            await call(talk, "light")
            await talk.caller_begins()
            assert talk.tools.cancelled == {}


class TestTerminal:
    ORDER = replace(WEATHER, name="order", terminal=True)

    async def test_ends_the_call_when_it_has_succeeded(self, world: World) -> None:
        async with talking_with(world, self.ORDER) as talk:
            [call_id] = await call(talk, "order")
            assert talk.ends == []
            await answer(talk, call_id)
            assert talk.ends == [Ending(EndReason.AGENT_ENDED, "terminal tool order")]
            assert requests(talk) == [ASKED]

    async def test_needs_no_more_words_where_the_agent_has_said_goodbye(self, world: World) -> None:
        async with talking_with(world, self.ORDER) as talk:
            await talk.begin_answer(200)
            [call_id] = talk.session.call_within("r1", "order", arguments=PARIS)
            talk.session.push(ResponseDone("r1", ResponseStatus.COMPLETED, TokenCounts()))
            await settle()
            await answer(talk, call_id)
            assert len(talk.ends) == 1
            assert requests(talk) == []

    async def test_runs_once(self, world: World) -> None:
        async with talking_with(world, self.ORDER) as talk:
            first, _second = await call(talk, "order", "order")
            await answer(talk, first)
            assert len(talk.tools.invoked) == 1
            assert outputs(talk) == ["already_called", "sunny"]

    async def test_may_be_tried_again_when_it_has_failed(self, world: World) -> None:
        async with talking_with(world, self.ORDER) as talk:
            [call_id] = await call(talk, "order")
            talk.tools.fail(call_id, ToolFailure("sold_out", undone=True))
            await settle()
            assert talk.ends == []
            talk.session.answer("tool", audio_ms=100)
            await settle()
            await call(talk, "order")
            assert len(talk.tools.invoked) == 2

    async def test_is_not_tried_again_when_it_may_have_been_done(self, world: World) -> None:
        async with talking_with(world, self.ORDER) as talk:
            await call(talk, "order")
            await world.clock.advance(5.1)
            await call(talk, "order")
            assert len(talk.tools.invoked) == 1
            assert outputs(talk) == ["timeout", "already_called"]

    async def test_is_not_tried_again_when_its_executor_does_not_know(self, world: World) -> None:
        async with talking_with(world, self.ORDER) as talk:
            [call_id] = await call(talk, "order")
            talk.tools.fail(call_id, ToolFailure("tool_server_lost"))
            await settle()
            await call(talk, "order")
            assert outputs(talk) == ["tool_server_lost", "already_called"]

    async def test_last_words_do_not_wait_for_a_caller_whom_nobody_hears_any_more(
        self, world: World
    ) -> None:
        async with talking_with(world, self.ORDER) as talk:
            [call_id] = await call(talk, "order")
            await talk.caller_begins()
            await answer(talk, call_id)
            assert requests(talk) == []
            async with asyncio.TaskGroup() as group:
                group.create_task(last_words(talk))
                await settle()
                assert requests(talk) == [ASKED]
                talk.session.answer("tool", audio_ms=100)
                await world.clock.advance(1)

    async def test_nothing_is_called_once_the_call_ends(self, world: World) -> None:
        async with talking_with(world, self.ORDER, WEATHER) as talk:
            order, slow = await call(talk, "order", "weather")
            await answer(talk, order)
            async with asyncio.TaskGroup() as group:
                ending = group.create_task(last_words(talk))
                await settle()
                assert talk.tools.cancelled == {slow: "call_ended"}
                assert requests(talk) == [ASKED]
                talk.session.push(ResponseStarted("r9", "tool"))
                await settle()
                assert not ending.done(), "they are about to be said"
                talk.session.call_within("r9", "weather", arguments=PARIS)
                await talk.go_on(400, "r9", "i9")
                assert not ending.done()
                done = ResponseDone("r9", ResponseStatus.COMPLETED, TokenCounts())
                talk.session.push(AudioDone("r9", "i9", 0), done)
                await world.clock.advance(0.2)
                assert not ending.done(), "the last words are still heard"
                await world.clock.advance(1)
                assert ending.done()
            assert len(talk.tools.invoked) == 2
            assert outputs(talk)[-1] == "call_ended"
            assert requests(talk) == [ASKED]


async def test_end_of_the_call_stops_what_still_works(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        called = await call(talk, "weather", "weather")
    assert talk.tools.cancelled == dict.fromkeys(called, "call_ended")
    assert finished(talk) == [(ToolStatus.CANCELLED, "call_ended")] * 2


async def test_call_in_the_last_moment_is_told_to_be_over_too(world: World) -> None:
    agent = replace(SILENT, model=replace(SILENT.model, tools=(WEATHER,)))
    talk = Talk(world, replace(SPEC, agent=agent))
    async with talk.conversation.toolbox as toolbox:
        toolbox.on(FunctionCall("r1", "i1", ToolCallId("call_1"), "weather", PARIS))
    assert talk.tools.invoked == []
    assert finished(talk) == [(ToolStatus.CANCELLED, "call_ended")]


async def test_tool_that_is_offered_no_more_works_on_and_is_not_called_again(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        [call_id] = await call(talk, "weather")
        await talk.conversation.update(ConfigChange(tools=()))
        await call(talk, "weather")
        assert outputs(talk) == ["unknown_tool"]
        await answer(talk, call_id)
        assert outputs(talk) == ["unknown_tool", "sunny"]
        await talk.conversation.update(ConfigChange(tools=(WEATHER,)))
        await call(talk, "weather")
        assert len(talk.tools.invoked) == 2


async def test_call_that_is_told_twice_is_executed_once(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        talk.session.push(ResponseStarted("r1", None))
        told = FunctionCall("r1", "i1", ToolCallId("call_1"), "weather", PARIS)
        talk.session.push(told, told)
        await settle()
        assert len(talk.tools.invoked) == 1
        assert len([kind for kind in talk.kinds if isinstance(kind, ToolCalled)]) == 1


async def test_model_that_calls_without_end_is_stopped(world: World) -> None:
    async with talking_with(world) as talk:
        for number in range(1, 40):
            await call(talk, "weather")
            if len(requests(talk)) == number:
                talk.session.push(ResponseStarted(f"r{number}", "tool"))
                done = ResponseDone(f"r{number}", ResponseStatus.COMPLETED, TokenCounts())
                talk.session.push(done)
                await settle()
        assert len(requests(talk)) == 33
        assert outputs(talk)[32:] == ["too_many_calls"] * 7
        await talk.caller_begins()
        await call(talk, "weather")
        assert outputs(talk)[-1] == "unknown_tool"


async def test_no_more_than_so_many_work_at_once(world: World) -> None:
    async with talking_with(world, WEATHER) as talk:
        await call(talk, *["weather"] * 17)
        assert len(talk.tools.invoked) == 16
        assert outputs(talk) == ["too_many_calls"]
