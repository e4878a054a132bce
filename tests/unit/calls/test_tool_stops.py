"""What stops a tool, and which tool ends the call."""

import asyncio
from dataclasses import replace

from bridge.ports.call import Ending, EndReason
from bridge.ports.model_event import (
    AudioDone,
    FunctionCall,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
)
from bridge.ports.tool import (
    ToolCallId,
    ToolFailure,
    ToolStatus,
)
from bridge.ports.usage import TokenCounts
from tests.fakes.agents import SILENT, SPEC
from tests.fakes.clock import settle
from tests.unit.calls.rig import World
from tests.unit.calls.talk import Talk, talking
from tests.unit.calls.tool_talk import (
    ASKED,
    PARIS,
    WEATHER,
    answer,
    call,
    finished,
    last_words,
    outputs,
    requests,
    talking_with,
)


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
