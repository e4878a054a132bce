"""Turns as callers hear them: coughs, short words, greetings, echoes, and gateways that decide."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from google.protobuf.duration_pb2 import Duration

from bridge.client import BridgeClient
from bridge.pcm import ROOM_RATE_HZ
from bridge.room.caller import Caller
from bridge.simulator import Simulator, SimulatorSettings
from bridge.v1 import agent_pb2, call_pb2, call_service_pb2
from bridge.v1.agent_pb2 import AgentOverrides, Greeting, InterruptionRules, TurnDetection
from bridge.v1.call_service_pb2 import CreateRoomResponse
from bridge.v1.event_pb2 import CallEvent
from tests.e2e.rig import (
    BridgeProcess,
    bridge_process,
    free_port,
    joined,
    ready,
    silence,
    until,
    watched,
)
from tests.e2e.sweep import COUGH_HZ, Sweeps, place_ms, stretches
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

ANSWER_MS: Final = 3000
WORDS_HZ: Final = 600.0
_PIECE: Final = ROOM_RATE_HZ * 300 // 1000


@pytest.fixture(scope="module")
def model_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def bridge(
    livekit_server: LiveKitServer, model_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BridgeProcess]:
    """One server for all these tests; each has a model of its own behind the same port."""
    log = tmp_path_factory.mktemp("turns") / "bridge.log"
    running = bridge_process(livekit_server, f"http://127.0.0.1:{model_port}/v1", log)
    with asyncio.Runner() as runner:
        yield runner.run(running.__aenter__())
        runner.run(running.__aexit__(None, None, None))


@pytest.fixture
def first_delta_ms() -> float:
    return 0


@pytest.fixture(autouse=True)
async def simulator(model_port: int, first_delta_ms: float) -> AsyncIterator[Simulator]:
    """A model whose answers rise for three seconds, and which hears no words in a cough."""
    settings = SimulatorSettings(
        port=model_port, behaviour=Sweeps(ANSWER_MS), first_delta_ms=first_delta_ms, speed=8
    )
    async with Simulator(settings) as running:
        yield running


@asynccontextmanager
async def calling(
    client: BridgeClient, agent: AgentOverrides
) -> AsyncIterator[tuple[CreateRoomResponse, Caller]]:
    created = await client.create_room("Ada", "tester", agent=agent)
    async with joined(created) as caller:
        await ready(client, created.connection_id)
        yield created, caller


def seconds(value: float) -> Duration:
    return Duration(nanos=int(value * 1e9) % 10**9, seconds=int(value))


def rules(**values: float) -> AgentOverrides:
    given = {name: seconds(value) for name, value in values.items()}
    return AgentOverrides(interruption=InterruptionRules(**given))


async def say(caller: Caller, ms: float = 500, hz: float = WORDS_HZ) -> None:
    await caller.play(tone(hz, ms) + silence(400))


async def state(client: BridgeClient, created: CreateRoomResponse, wanted: int) -> None:
    async for event in watched(client, created.connection_id):
        if event.agent_state_changed.state == wanted:
            return
    raise AssertionError("the call ended before")


async def heard_out(client: BridgeClient, created: CreateRoomResponse) -> None:
    """Wait until an answer has been heard to its last word."""
    async for event in watched(client, created.connection_id):
        if event.transcript.final and event.transcript.text.endswith("ten"):
            await asyncio.sleep(0.3)  # what was on its way to the caller
            return
    raise AssertionError("the call ended before")


async def events_of(client: BridgeClient, created: CreateRoomResponse) -> list[CallEvent]:
    await client.end_call(created.connection_id)
    return [event async for event in watched(client, created.connection_id)]


def kinds(events: list[CallEvent]) -> list[str]:
    return [event.WhichOneof("kind") or "" for event in events]


def ends_at_ms(caller: Caller, stretch: int = -1) -> float:
    heard = caller.heard.samples
    _, end = stretches(heard)[stretch]
    return place_ms(heard[end - _PIECE : end])


async def test_cough_pauses_the_agent_and_then_it_is_heard_to_go_on_where_it_was(
    client: BridgeClient, simulator: Simulator
) -> None:
    async with calling(client, rules(resume_after=1.0)) as (created, caller):
        await say(caller)
        await state(client, created, call_pb2.AGENT_STATE_SPEAKING)
        await asyncio.sleep(1.2)
        await say(caller, 200, COUGH_HZ)
        await heard_out(client, created)
        heard = caller.heard.samples
        events = await events_of(client, created)
    before, after = stretches(heard)
    stopped_ms = place_ms(heard[before[1] - _PIECE : before[1]])
    went_on_ms = place_ms(heard[after[0] : after[0] + _PIECE]) - 300
    assert went_on_ms == pytest.approx(stopped_ms, abs=60)
    assert place_ms(heard[after[1] - _PIECE : after[1]]) == pytest.approx(ANSWER_MS, abs=40)
    assert "interruption_dismissed" in kinds(events)
    assert "interruption" not in kinds(events)
    assert not simulator.totals.truncations


async def test_words_after_the_pause_interrupt_where_it_began(
    client: BridgeClient, simulator: Simulator
) -> None:
    async with calling(client, rules(resume_after=1.0)) as (created, caller):
        await say(caller)
        await state(client, created, call_pb2.AGENT_STATE_SPEAKING)
        await asyncio.sleep(1.2)
        await say(caller)
        event = await until(client, created.connection_id, "interruption")
        await asyncio.sleep(0.5)
        place = ends_at_ms(caller, 0)
    (cut,) = simulator.totals.truncations
    assert cut.audio_end_ms == event.interruption.heard_ms
    assert cut.audio_end_ms == pytest.approx(place, abs=40)


async def test_short_word_does_not_stop_the_agent_and_a_long_one_does(
    client: BridgeClient,
) -> None:
    async with calling(client, rules(min_speech=0.4)) as (created, caller):
        await say(caller)
        await state(client, created, call_pb2.AGENT_STATE_SPEAKING)
        await asyncio.sleep(0.5)
        await say(caller, 160)
        await until(client, created.connection_id, "interruption_dismissed")
        await say(caller, 800)
        event = await until(client, created.connection_id, "interruption")
        await asyncio.sleep(0.3)
        place = ends_at_ms(caller, 0)
    assert event.interruption.heard_ms == pytest.approx(place, abs=40)
    assert event.interruption.heard_ms > 1000


async def test_greeting_that_must_not_be_interrupted_is_heard_to_its_end(
    client: BridgeClient, simulator: Simulator
) -> None:
    agent = AgentOverrides(greeting=Greeting(text="Hello", interruptible=False))
    async with calling(client, agent) as (created, caller):
        await state(client, created, call_pb2.AGENT_STATE_SPEAKING)
        await asyncio.sleep(0.8)
        await say(caller)
        await heard_out(client, created)
        await asyncio.sleep(1.0)
        heard = caller.heard.samples
        events = await events_of(client, created)
    begin, end = stretches(heard)[0]
    assert (end - begin) / 48 >= ANSWER_MS - 60
    assert "interruption" not in kinds(events)
    assert not simulator.totals.truncations
    assert kinds(events).count("response_started") == 2, "what was said meanwhile is answered"


async def test_guarded_greeting_is_not_disturbed_and_nothing_said_into_it_is_heard(
    client: BridgeClient,
) -> None:
    agent = AgentOverrides(greeting=Greeting(text="Hello", guard=True, delay=seconds(0.5)))
    async with calling(client, agent) as (created, caller):
        await say(caller, 300)
        await state(client, created, call_pb2.AGENT_STATE_SPEAKING)
        await asyncio.sleep(0.5)
        await say(caller)
        await heard_out(client, created)
        await say(caller)
        await until(client, created.connection_id, "user_speech")
        events = await events_of(client, created)
    began = [event for event in events if event.user_speech.speaking]
    assert len(began) == 1, "only what was said behind the greeting"


async def test_echo_of_its_first_speech_does_not_stop_the_agent(client: BridgeClient) -> None:
    async with calling(client, rules(echo_guard=2.5)) as (created, caller):
        await say(caller)
        await state(client, created, call_pb2.AGENT_STATE_SPEAKING)
        await caller.play(tone(WORDS_HZ, 1500))
        await heard_out(client, created)
        assert ends_at_ms(caller) == pytest.approx(ANSWER_MS, abs=40)
        await say(caller)
        await asyncio.sleep(1.0)
        await say(caller)
        await until(client, created.connection_id, "interruption")


async def test_gateway_that_decides_is_told_and_nobody_answers_until_it_says_so(
    client: BridgeClient,
) -> None:
    agent = AgentOverrides(turn_detection=TurnDetection(create_response=False))
    async with calling(client, agent) as (created, caller):
        await say(caller)
        await until(client, created.connection_id, "turn_awaits_response")
        await asyncio.sleep(1.0)
        assert stretches(caller.heard.samples) == []
        request = call_service_pb2.ControlCallRequest(
            connection_id=created.connection_id, respond=call_service_pb2.Respond()
        )
        await client.control(request)
        await heard_out(client, created)
        assert ends_at_ms(caller) == pytest.approx(ANSWER_MS, abs=40)


async def test_manual_turn_is_answered_when_it_is_committed(client: BridgeClient) -> None:
    agent = AgentOverrides(turn_detection=TurnDetection(manual=agent_pb2.ManualTurns()))
    async with calling(client, agent) as (created, caller):
        await say(caller)
        await asyncio.sleep(1.0)
        assert stretches(caller.heard.samples) == []
        request = call_service_pb2.ControlCallRequest(
            connection_id=created.connection_id, commit_turn=call_service_pb2.CommitTurn()
        )
        await client.control(request)
        await heard_out(client, created)
        assert ends_at_ms(caller) == pytest.approx(ANSWER_MS, abs=40)


async def test_words_are_told_with_the_times_at_which_they_were_said_and_heard(
    client: BridgeClient,
) -> None:
    async with calling(client, AgentOverrides()) as (created, caller):
        # Said at once, the first word would have less than detection's padding before it.
        await caller.play(silence(300))
        await say(caller, 800)
        await heard_out(client, created)
        begin, end = stretches(caller.heard.samples)[0]
        spoken, _ = stretches(caller.spoken.samples)[0]
        events = await events_of(client, created)
    said, told = (event.transcript for event in events if event.transcript.final)
    said_ms = said.end_offset.ToMilliseconds() - said.start_offset.ToMilliseconds()
    assert said_ms == pytest.approx(800, abs=80)
    told_ms = told.end_offset.ToMilliseconds() - told.start_offset.ToMilliseconds()
    assert told_ms == pytest.approx(ANSWER_MS, abs=40)
    # Said and told are the bridge's times: the caller is two networks and jitter buffers away, and
    # those stretch sound by some per cent.
    assert (end - begin) / 48 == pytest.approx(told_ms, rel=0.05)
    apart_ms = told.start_offset.ToMilliseconds() - said.start_offset.ToMilliseconds()
    assert 0 < (begin - spoken) / 48 - apart_ms < 500


@pytest.mark.parametrize("first_delta_ms", [400.0])
async def test_time_until_an_answer_is_heard_is_split_into_what_was_waited_for(
    client: BridgeClient, first_delta_ms: float
) -> None:
    vad = agent_pb2.ServerVad(silence_duration_ms=600)
    agent = AgentOverrides(turn_detection=TurnDetection(server_vad=vad))
    async with calling(client, agent) as (created, caller):
        await caller.play(silence(300) + tone(WORDS_HZ, 500) + silence(900))
        measured = (await until(client, created.connection_id, "turn_measured")).turn_measured
        await asyncio.sleep(0.5)  # what is measured is on its way to the caller
        begin, _ = stretches(caller.heard.samples)[0]
        _, silent = stretches(caller.spoken.samples)[0]
        ended = (await events_of(client, created))[-1].ended
    (turn,) = ended.report.turns
    assert (turn.latency, turn.latency_parts) == (measured.latency, measured.latency_parts)
    parts, latency_ms = measured.latency_parts, measured.latency.ToMilliseconds()
    assert parts.endpointing.ToMilliseconds() == pytest.approx(600, abs=100)
    assert parts.model.ToMilliseconds() == pytest.approx(first_delta_ms, abs=100)
    assert parts.transport.ToMilliseconds() < 50, "the model is on this machine"
    assert parts.playout.ToMilliseconds() < 100
    spans = (parts.endpointing, parts.model, parts.transport, parts.playout)
    assert sum(span.ToMicroseconds() for span in spans) == pytest.approx(
        measured.latency.ToMicroseconds(), abs=2
    )
    # The caller is two networks and jitter buffers away.
    assert 0 < (begin - silent) / 48 - latency_ms < 500


@pytest.mark.parametrize(
    ("eagerness", "waits_ms"),
    [(agent_pb2.EAGERNESS_HIGH, 1000), (agent_pb2.EAGERNESS_MEDIUM, 2000)],
)
async def test_semantic_detection_is_as_eager_as_the_call_wants(
    client: BridgeClient, eagerness: agent_pb2.Eagerness.ValueType, waits_ms: float
) -> None:
    """The simulator imitates meaning by a silence of its own length."""
    vad = agent_pb2.SemanticVad(eagerness=eagerness)
    agent = AgentOverrides(turn_detection=TurnDetection(semantic_vad=vad))
    async with calling(client, agent) as (created, caller):
        await caller.play(silence(300) + tone(WORDS_HZ, 400) + silence(waits_ms + 300))
        await state(client, created, call_pb2.AGENT_STATE_SPEAKING)
        await asyncio.sleep(0.5)  # what was on its way to the caller
        begin, _ = stretches(caller.heard.samples)[0]
        _, silent = stretches(caller.spoken.samples)[0]
    assert waits_ms < (begin - silent) / 48 < waits_ms + 700
