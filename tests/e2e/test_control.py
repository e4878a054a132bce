"""A gateway steers a running call, and the caller hears it."""

import asyncio

import pytest

from bridge.client import BridgeClient
from bridge.room.caller import Caller
from bridge.simulator import Simulator
from bridge.v1 import call_pb2, call_service_pb2, event_pb2
from bridge.v1.call_service_pb2 import ControlCallRequest
from tests.e2e.rig import (
    SOON_S,
    called,
    ended,
    heard_ms,
    hears,
    ready,
    said,
    silence,
    until,
)
from tests.livekit_reader import LiveKitReader
from tests.tones import tone

pytestmark = pytest.mark.e2e

APPLIED = call_service_pb2.CONTROL_OUTCOME_APPLIED
SAID_HZ = 1000.0
"""What the simulator says where it has heard no tone itself."""


async def say(caller: Caller, hz: float) -> None:
    await caller.play(tone(hz, 600) + silence(600))


async def test_words_of_the_gateway_are_heard_and_a_soft_end_plays_the_goodbye_out(
    client: BridgeClient,
) -> None:
    async with called(client) as (made, caller):
        await ready(client, made.connection_id)
        command = ControlCallRequest(connection_id=made.connection_id, command_id="hello")
        command.say.text = "One moment, please."
        assert (await client.control(command)).outcome == APPLIED
        await hears(caller, SAID_HZ, 700)
        applied = await until(client, made.connection_id, "control_applied")
        assert (applied.control_applied.command_id, applied.control_applied.command) == (
            "hello",
            "Say",
        )
        before_ms = heard_ms(caller, SAID_HZ)
        goodbye = ControlCallRequest(connection_id=made.connection_id)
        goodbye.end_softly.text = "Goodbye."
        assert (await client.control(goodbye)).outcome == APPLIED
        report = await ended(client, made.connection_id)
        assert heard_ms(caller, SAID_HZ) - before_ms >= 800, "of a goodbye of one second"
    assert report.call.end_reason == call_pb2.END_REASON_API_ENDED


async def test_gateway_interrupts_a_long_answer(client: BridgeClient) -> None:
    async with called(client) as (made, caller):
        await ready(client, made.connection_id)
        await say(caller, 440)
        await hears(caller, 880, 200)
        stop = ControlCallRequest(connection_id=made.connection_id)
        stop.interrupt.SetInParent()
        assert (await client.control(stop)).outcome == APPLIED
        await caller.play(silence(1000))
        assert heard_ms(caller, 880) < 800, "of an answer of one second"


async def test_muted_caller_gets_no_answer_until_heard_again(client: BridgeClient) -> None:
    async with called(client) as (made, caller):
        await ready(client, made.connection_id)
        mute = ControlCallRequest(connection_id=made.connection_id)
        mute.mute.side, mute.mute.muted = call_service_pb2.MUTE_SIDE_CALLERS, True
        assert (await client.control(mute)).outcome == APPLIED
        await say(caller, 440)
        await caller.play(silence(500))
        assert heard_ms(caller, 880) == 0
        mute.mute.muted = False
        assert (await client.control(mute)).outcome == APPLIED
        await say(caller, 500)
        await hears(caller, 1000, 300)


async def test_muted_agent_is_not_heard_until_it_may_be_again(client: BridgeClient) -> None:
    async with called(client) as (made, caller):
        await ready(client, made.connection_id)
        mute = ControlCallRequest(connection_id=made.connection_id)
        mute.mute.side, mute.mute.muted = call_service_pb2.MUTE_SIDE_AGENT, True
        assert (await client.control(mute)).outcome == APPLIED
        await say(caller, 440)
        await said(client, made.connection_id, "tone 880 Hz")
        mute.mute.muted = False
        assert (await client.control(mute)).outcome == APPLIED
        await say(caller, 550)
        await hears(caller, 1100, 300)
        assert heard_ms(caller, 880) == 0


async def test_what_the_gateway_changes_of_the_agent_reaches_the_model(
    client: BridgeClient, simulator: Simulator
) -> None:
    async with called(client) as (made, caller):
        await ready(client, made.connection_id)
        change = ControlCallRequest(connection_id=made.connection_id)
        change.update_agent.instructions = "Speak of parcels."
        change.update_agent.turn_detection.server_vad.silence_duration_ms = 300
        assert (await client.control(change)).outcome == APPLIED
        await say(caller, 440)
        await hears(caller, 880)
        [session] = simulator.sessions
        config = session.config.public()
    assert config["instructions"] == "Speak of parcels."
    assert config["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 300


async def test_refused_command_is_an_answer_and_an_event(client: BridgeClient) -> None:
    async with called(client) as (made, caller):
        await ready(client, made.connection_id)
        await say(caller, 440)
        await hears(caller, 880, 200)
        other = ControlCallRequest(connection_id=made.connection_id)
        other.update_agent.voice = "ash"
        answer = await client.control(other)
        assert answer.outcome == call_service_pb2.CONTROL_OUTCOME_REFUSED
        assert answer.reason == "voice_is_fixed"
        event = await until(client, made.connection_id, "control_refused")
        assert event.control_refused == event_pb2.ControlRefused(
            command_id=answer.command_id,
            command="UpdateAgent",
            reason="voice_is_fixed",
            message=answer.message,
        )


async def test_keys_that_the_gateway_presses_reach_the_room_in_order(client: BridgeClient) -> None:
    async with called(client) as (made, caller):
        await ready(client, made.connection_id)
        reader = LiveKitReader(caller.room)
        for digits in ("12*", "#A"):
            keys = ControlCallRequest(connection_id=made.connection_id)
            keys.send_dtmf.digits = digits
            assert (await client.control(keys)).outcome == APPLIED
        async with asyncio.timeout(SOON_S):
            while len(reader.keys()) < 5:
                await asyncio.sleep(0.05)  # the room offers nothing to wait on
        await reader.aclose()
        assert reader.keys() == "12*#A"
        told = await until(client, made.connection_id, "dtmf_sent")
        assert told.dtmf_sent.digits == "12*"
