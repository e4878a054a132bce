"""What becomes of tools that the model calls: admitted, executed, answered and reported."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.ports.event import ToolCalled, ToolFinished
from bridge.ports.model_config import ConfigChange
from bridge.ports.model_event import (
    AudioDone,
    FunctionCall,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
)
from bridge.ports.report import MediaTotals, ToolTotals
from bridge.ports.tool import (
    MAX_OUTPUT_BYTES,
    ToolCallId,
    ToolFailure,
    ToolStatus,
)
from bridge.ports.usage import TokenCounts
from tests.fakes.agents import SILENT, SPEC
from tests.fakes.clock import settle
from tests.fakes.model import Answered, Responded
from tests.unit.calls.rig import World
from tests.unit.calls.tool_talk import (
    ASKED,
    LISTENING,
    PARIS,
    SPEAKING,
    THINKING,
    TOOL,
    WEATHER,
    answer,
    call,
    finished,
    outputs,
    requests,
    talking_with,
)


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
