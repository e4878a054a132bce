"""What an agent's tools do to a call, by what the caller hears and what the gateway is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf.duration_pb2 import Duration

from bridge.client import BridgeClient, ToolError
from bridge.room.caller import Caller
from bridge.simulator import Faults, Simulator, SimulatorSettings
from bridge.v1 import agent_pb2, call_pb2, report_pb2
from bridge.v1.agent_pb2 import AgentOverrides, Tool, ToolList
from bridge.v1.event_pb2 import CallEvent
from tests.e2e.rig import (
    SOON_S,
    bridge_process,
    ended,
    heard_ms,
    hears,
    joined,
    ready,
    silence,
    watched,
)
from tests.livekit_reader import LiveKitReader
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SUN_HZ: Final = 600.0
RAIN_HZ: Final = 800.0
FILLER_HZ: Final = 1000.0
SORRY_HZ: Final = 1200.0
ANSWER_HZ: Final = 1400.0
GOODBYE_HZ: Final = 1600.0
STARTED_HZ: Final = 1800.0

CITY: Final = """{
  "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]
}"""
SPEAKS: Final = f"""
rules:
  - when: {{instructions: "One moment"}}
    say: {{tone_hz: {FILLER_HZ}, duration_ms: 600, transcript: One moment}}
  - when: {{instructions: "I am sorry"}}
    say: {{tone_hz: {SORRY_HZ}, duration_ms: 600, transcript: I am sorry}}
  - when: {{tool: weather, output: sun}}
    say: {{tone_hz: {SUN_HZ}, duration_ms: 800, transcript: It is sunny}}
  - when: {{tool: weather, output: rain}}
    say: {{tone_hz: {RAIN_HZ}, duration_ms: 800, transcript: It rains}}
  - when: {{tool: weather, output: started}}
    say: {{tone_hz: {STARTED_HZ}, duration_ms: 600, transcript: I am looking}}
  - when: {{tool: weather}}
    say: {{tone_hz: {SORRY_HZ}, duration_ms: 800, transcript: It did not work}}
  - when: {{tool: end_call}}
    say: {{tone_hz: {GOODBYE_HZ}, duration_ms: 2000, transcript: Goodbye}}
"""
THEN: Final = f"""
  - when: any
    say: {{tone_hz: {ANSWER_HZ}, duration_ms: 600, transcript: Of course}}
"""


def calling(*calls: str) -> str:
    """Return a model that calls tools when first spoken to, and then talks."""
    listed = "".join(f"\n      - {call}" for call in calls)
    return f"{SPEAKS}  - when: {{turn: 1}}\n    call:{listed}{THEN}"


PARIS: Final = "{tool: weather, arguments: {city: Paris}}"
ONE_CALL: Final = calling(PARIS)
HANGS_UP: Final = SPEAKS + "  - when: any\n    call: {tool: end_call}\n"


@dataclass
class Weather:
    """A gateway that tells the weather, when it is told to."""

    asked: list[object] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    answer: object = "sun"

    async def weather(self, arguments: dict[str, object]) -> object:
        self.asked.append(arguments.get("city"))
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        if isinstance(self.answer, ToolError):
            raise self.answer
        return self.answer


@dataclass
class Scene:
    """A call whose agent has tools, and those who execute them."""

    client: BridgeClient
    simulator: Simulator
    caller: Caller
    connection_id: str
    gateway: Weather

    async def say(self, hz: float = 300) -> None:
        await self.caller.play(tone(hz, 400) + silence(400))

    async def told(self, kind: str) -> CallEvent:
        """Wait for an event of a kind, from the call's beginning on."""
        async for event in watched(self.client, self.connection_id):
            if event.WhichOneof("kind") == kind:
                return event
        raise AssertionError(f"the call ended without {kind}")


@asynccontextmanager
async def scene(
    livekit: LiveKitServer, folder: Path, script: str = ONE_CALL, **changes: Any
) -> AsyncIterator[Scene]:
    """Let a call be up, with a caller in it, and a gateway that serves `weather`."""
    path = folder / "script.yaml"
    path.write_text(script)
    settings = SimulatorSettings(behaviour="script", script=path, first_delta_ms=0, speed=4)
    gateway = Weather()
    offered = Tool(name="weather", description="Tells it.", parameters_json=CITY, **changes)
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(settings))
        process = bridge_process(livekit, simulator.url, folder / "bridge.log")
        bridge = await stack.enter_async_context(process)
        client = await stack.enter_async_context(BridgeClient(bridge.address))
        serving = client.serve_tools({"weather": gateway.weather}, agent_ids=["clerk"])
        await stack.enter_async_context(serving)
        agent = AgentOverrides(tools=ToolList(tools=[offered]))
        created = await client.create_room("Ada", "clerk", agent=agent)
        caller = await stack.enter_async_context(joined(created))
        await ready(client, created.connection_id)
        yield Scene(client, simulator, caller, created.connection_id, gateway)
        gateway.may_answer.set()


def finished(events: list[CallEvent]) -> list[tuple[str, int, str]]:
    uses = [event.tool_finished for event in events if event.HasField("tool_finished")]
    return [(use.name, use.status, use.code) for use in uses]


async def events_after_end(one: Scene) -> list[CallEvent]:
    await one.client.end_call(one.connection_id)
    return [event async for event in watched(one.client, one.connection_id)]


@pytest.mark.parametrize(("weather", "hz", "other_hz"), [("sun", 600, 800), ("rain", 800, 600)])
async def test_what_the_tool_answers_decides_what_the_caller_hears(
    livekit_server: LiveKitServer, tmp_path: Path, weather: str, hz: float, other_hz: float
) -> None:
    async with scene(livekit_server, tmp_path) as one:
        one.gateway.answer = weather
        one.gateway.may_answer.set()
        await one.say()
        await hears(one.caller, hz, 600)
        assert heard_ms(one.caller, other_hz) == 0
        events = await events_after_end(one)
    assert one.gateway.asked == ["Paris"]
    [called] = [event.tool_called for event in events if event.HasField("tool_called")]
    assert (called.name, called.arguments_json) == ("weather", '{"city":"Paris"}')
    assert finished(events) == [("weather", report_pb2.TOOL_STATUS_SUCCEEDED, "")]
    report = events[-1].ended.report
    assert [use.name for turn in report.turns for use in turn.tools] == ["weather"]
    assert report.tools.succeeded == 1
    states = [event.agent_state_changed.state for event in events]
    assert call_pb2.AGENT_STATE_TOOL in states


async def test_two_calls_of_one_response_are_spoken_of_once(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    script = calling(PARIS, PARIS.replace("Paris", "Rome"))
    async with scene(livekit_server, tmp_path, script) as one:
        one.gateway.may_answer.set()
        await one.say()
        await hears(one.caller, SUN_HZ, 600)
        await asyncio.sleep(1.5)  # a second answer would be heard by then
        assert heard_ms(one.caller, SUN_HZ) <= 1000
        await events_after_end(one)
    assert sorted(map(str, one.gateway.asked)) == ["Paris", "Rome"]


async def test_filler_is_heard_while_a_slow_tool_works(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    slow: Any = {"filler_text": "One moment.", "filler_after": Duration(nanos=500_000_000)}
    async with scene(livekit_server, tmp_path, **slow) as one:
        await one.say()
        await hears(one.caller, FILLER_HZ, 400)
        assert heard_ms(one.caller, SUN_HZ) == 0
        one.gateway.may_answer.set()
        await hears(one.caller, SUN_HZ, 600)
        assert heard_ms(one.caller, FILLER_HZ) <= 800, "it is said once"
        await events_after_end(one)


async def test_tool_that_is_too_slow_is_apologised_for_and_the_call_lives(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    slow: Any = {"timeout": Duration(seconds=1), "timeout_text": "I am sorry."}
    async with scene(livekit_server, tmp_path, **slow) as one:
        await one.say()
        await hears(one.caller, SORRY_HZ, 400)
        async with asyncio.timeout(SOON_S):
            await one.gateway.given_up.wait()
        await asyncio.sleep(0.3)  # until the last of it is played: what follows is no barge-in
        await one.say()
        await hears(one.caller, SORRY_HZ, 1000)
        events = await events_after_end(one)
    assert finished(events) == [("weather", report_pb2.TOOL_STATUS_TIMED_OUT, "timeout")]


async def test_gateway_that_fails_is_told_to_the_model_which_speaks_of_it(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    async with scene(livekit_server, tmp_path) as one:
        one.gateway.answer = ToolError("no_city", "There is no such city.")
        one.gateway.may_answer.set()
        await one.say()
        await hears(one.caller, SORRY_HZ, 600)
        events = await events_after_end(one)
    assert finished(events) == [("weather", report_pb2.TOOL_STATUS_FAILED, "no_city")]


async def test_arguments_that_do_not_fit_never_reach_the_gateway(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    not_json = '{tool: weather, arguments: "{not json"}'
    script = calling("{tool: weather, arguments: {city: 7}}", not_json)
    async with scene(livekit_server, tmp_path, script) as one:
        await one.say()
        await hears(one.caller, SORRY_HZ, 600)
        events = await events_after_end(one)
    assert one.gateway.asked == []
    failed = ("weather", report_pb2.TOOL_STATUS_FAILED, "invalid_arguments")
    assert finished(events) == [failed, failed]


async def test_caller_who_interrupts_stops_the_tool_and_is_answered(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    async with scene(livekit_server, tmp_path, cancel_on_interruption=True) as one:
        await one.say()
        await one.told("tool_called")
        await one.say()
        await hears(one.caller, SORRY_HZ, 400)
        async with asyncio.timeout(SOON_S):
            await one.gateway.given_up.wait()
        events = await events_after_end(one)
    assert finished(events) == [("weather", report_pb2.TOOL_STATUS_CANCELLED, "interrupted")]
    assert heard_ms(one.caller, SUN_HZ) == 0


async def test_tool_in_the_background_lets_the_talk_go_on(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    mode = agent_pb2.TOOL_MODE_ASYNC
    async with scene(livekit_server, tmp_path, mode=mode) as one:
        await one.say()
        await hears(one.caller, STARTED_HZ, 500)
        await asyncio.sleep(0.3)  # until the last of it is played: what follows is no barge-in
        await one.say()
        await hears(one.caller, ANSWER_HZ, 400)
        assert heard_ms(one.caller, SUN_HZ) == 0
        one.gateway.may_answer.set()
        await hears(one.caller, SUN_HZ, 600)
        await events_after_end(one)
    assert one.gateway.asked == ["Paris"]


async def test_connection_to_the_model_that_breaks_in_mid_tool_costs_no_answer(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    async with scene(livekit_server, tmp_path) as one:
        await one.say()
        await one.told("tool_called")
        one.simulator.faults = Faults(drop_after_s=0, times=1)
        async with asyncio.timeout(SOON_S):
            while one.simulator.totals.sessions_opened < 2:
                await asyncio.sleep(0.02)
        one.gateway.may_answer.set()
        await hears(one.caller, SUN_HZ, 600)
        [session] = one.simulator.sessions
        kinds = [item.body["type"] for item in session.conversation.items]
        events = await events_after_end(one)
    assert kinds[-3:] == ["function_call", "function_call_output", "message"]
    assert one.gateway.asked == ["Paris"], "nothing is called twice"
    assert finished(events) == [("weather", report_pb2.TOOL_STATUS_SUCCEEDED, "")]


class TestEndCall:
    @pytest.mark.parametrize("farewell", ["with the call", "after it"])
    async def test_the_last_words_are_heard_to_their_end(
        self, livekit_server: LiveKitServer, tmp_path: Path, farewell: str
    ) -> None:
        said = f"say: {{tone_hz: {GOODBYE_HZ}, duration_ms: 2000, transcript: Goodbye}}"
        said = said if farewell == "with the call" else ""
        script = f"{SPEAKS}  - when: any\n    call: {{tool: end_call}}\n    {said}\n"
        async with scene(livekit_server, tmp_path, script) as one:
            await one.say()
            report = await ended(one.client, one.connection_id)
            await asyncio.sleep(0.3)  # what is on its way to the caller's ear
            assert 1900 <= heard_ms(one.caller, GOODBYE_HZ) <= 2200
        assert report.call.end_reason == call_pb2.END_REASON_AGENT_ENDED
        assert report.call.end_fault == call_pb2.END_FAULT_NONE
        assert report.turns[-1].agent_heard.ToMilliseconds() == pytest.approx(2000, abs=20)
        assert report.tools.succeeded == 1

    async def test_caller_who_speaks_over_the_last_words_does_not_cut_them(
        self, livekit_server: LiveKitServer, tmp_path: Path
    ) -> None:
        async with scene(livekit_server, tmp_path, HANGS_UP) as one:
            await one.say()
            await hears(one.caller, GOODBYE_HZ, 300)
            await one.say()
            report = await ended(one.client, one.connection_id)
            await asyncio.sleep(0.3)  # what is on its way to the caller's ear
            assert heard_ms(one.caller, GOODBYE_HZ) >= 1900
        assert report.media.interruptions == 0


async def test_language_is_switched_in_the_prompt_and_for_the_transcriber(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    script = calling("{tool: notify_language_switch, arguments: {language: de}}")
    async with scene(livekit_server, tmp_path, script) as one:
        await one.say()
        await hears(one.caller, ANSWER_HZ, 400)
        [session] = one.simulator.sessions
        config = session.config.public()
        status = await one.client.status(one.connection_id)
        events = await events_after_end(one)
    assert "Speak German," in config["instructions"]
    assert "Sie." in config["instructions"]
    assert config["audio"]["input"]["transcription"]["language"] == "de"
    [switched] = [one.language_switched for one in events if one.HasField("language_switched")]
    assert (switched.previous, switched.language) == ("en", "de")
    assert status.call.voice_language == "de"


async def test_keys_that_the_agent_presses_reach_the_room(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    script = calling("{tool: send_dtmf, arguments: {digits: 12*#A}}")
    async with scene(livekit_server, tmp_path, script) as one:
        reader = LiveKitReader(one.caller.room)
        await one.say()
        async with asyncio.timeout(SOON_S):
            while reader.keys() != "12*#A":
                await asyncio.sleep(0.05)
        await reader.aclose()
        events = await events_after_end(one)
    assert [event.dtmf_sent.digits for event in events if event.HasField("dtmf_sent")] == ["12*#A"]
