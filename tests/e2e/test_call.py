"""A real call: sound goes in at the caller's microphone and comes back as the agent's voice."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest
from livekit import api

from bridge.client import BridgeClient, FailedPreconditionError
from bridge.room.caller import Caller
from bridge.simulator import Simulator
from bridge.v1 import call_pb2, event_pb2
from bridge.v1.agent_pb2 import AgentOverrides, Greeting
from tests.e2e.rig import (
    BridgeProcess,
    bridge_process,
    called,
    ended,
    heard_ms,
    hears,
    joined,
    ready,
    said,
    silence,
    until,
    watched,
)
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = pytest.mark.e2e

GREETING_HZ = 1000.0


async def say(caller: Caller, hz: float, ms: float = 700) -> None:
    """Say a tone, and enough silence for the model to know that it is over."""
    await caller.play(tone(hz, ms) + silence(500))


async def test_the_caller_hears_the_models_answer_to_what_it_said(client: BridgeClient) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        await say(caller, 440)
        await hears(caller, 880)
        await said(client, created.connection_id, "tone 880 Hz")
        await client.end_call(created.connection_id)
    report = await ended(client, created.connection_id)
    assert report.complete
    assert report.call.end_reason == call_pb2.END_REASON_API_ENDED
    assert [turn.agent_text for turn in report.turns] == ["tone 880 Hz"]
    assert report.turn_latency.count == 1
    assert report.media.played_out.ToMilliseconds() > 300
    assert report.call.usage.output_audio_tokens > 0


async def test_watchers_are_told_how_sure_the_transcriber_was_of_the_callers_words(
    client: BridgeClient,
) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        await say(caller, 440)
        async for event in watched(client, created.connection_id):
            if event.transcript.role == event_pb2.TRANSCRIPT_ROLE_USER and event.transcript.final:
                break
    assert event.transcript.text == "tone 440 Hz"
    assert event.transcript.confidence == pytest.approx(0.99, abs=0.001)


async def test_the_greeting_is_heard_from_its_first_to_its_last_sound(
    client: BridgeClient,
) -> None:
    created = await client.create_room(
        "Ada", "tester", agent=AgentOverrides(greeting=Greeting(text="Hello"))
    )
    await ready(client, created.connection_id)
    async with joined(created) as caller:
        await hears(caller, GREETING_HZ, 900)
        event = await until(client, created.connection_id, "response_started")
        assert event.response_started.greeting


async def test_three_callers_at_once_hear_only_their_own_answers(client: BridgeClient) -> None:
    asked = (400.0, 600.0, 900.0)

    async def one_call(hz: float) -> None:
        async with called(client) as (created, caller):
            await ready(client, created.connection_id)
            await say(caller, hz)
            await hears(caller, 2 * hz)
            await say(caller, hz)
            await hears(caller, 2 * hz, 1200)
            for other in asked:
                if other != hz:
                    assert heard_ms(caller, 2 * other) == 0

    async with asyncio.TaskGroup() as calls:
        for hz in asked:
            calls.create_task(one_call(hz))


async def test_an_interruption_stops_the_agent_and_tells_the_model_what_was_heard(
    client: BridgeClient, simulator: Simulator
) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        await say(caller, 440)
        await hears(caller, 880, 200)
        await say(caller, 600)
        await hears(caller, 1200, 200)
        event = await until(client, created.connection_id, "interruption")
        heard = heard_ms(caller, 880)
        await client.end_call(created.connection_id)
    (truncation, *_) = simulator.totals.truncations
    assert truncation.audio_end_ms == event.interruption.heard_ms
    assert abs(truncation.audio_end_ms - heard) < 300
    report = await ended(client, created.connection_id)
    assert [turn.interrupted for turn in report.turns] == [True, False]


async def test_telemetry_shows_both_directions(client: BridgeClient) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        speaking = asyncio.create_task(say(caller, 440, 1000))
        uplink, downlink = [-127.0], [-127.0]
        async with aclosing(
            client.telemetry(created.connection_id, interval=timedelta(milliseconds=100))
        ) as samples:
            async for response in samples:
                (sample,) = response.samples
                uplink.append(sample.uplink.level_dbfs)
                downlink.append(sample.downlink.level_dbfs)
                assert sample.uplink.dropped_ms == 0
                if max(uplink) > -20 and max(downlink) > -20:
                    assert sample.network.packets_in > 0
                    assert sample.downlink.playout_position_ms > 0
                    break
                assert len(uplink) < 100
        await speaking


async def test_a_watcher_takes_up_where_it_stopped(client: BridgeClient) -> None:
    created = await client.create_room("Ada", "tester")
    await ready(client, created.connection_id)
    seen = []
    async for event in watched(client, created.connection_id):
        seen.append(event.sequence)
        if event.WhichOneof("kind") == "model_state_changed":
            break
    await client.end_call(created.connection_id)
    rest = [event.sequence async for event in watched(client, created.connection_id, seen[-1])]
    assert rest[0] == seen[-1] + 1
    assert seen + rest == list(range(1, rest[-1] + 1))


async def test_a_second_human_joins_the_same_call(client: BridgeClient) -> None:
    async with called(client) as (created, first):
        await ready(client, created.connection_id)
        ticket = await client.join_room("Bob", created.room_name)
        assert ticket.connection_id == created.connection_id
        assert ticket.participant_id != created.participant_id
        async with joined(ticket) as second:
            await say(second, 440)
            await asyncio.gather(hears(first, 880), hears(second, 880))
            await first.hang_up()
            await say(second, 600)
            await hears(second, 1200)
            status = await client.status(created.connection_id)
            assert status.call.state == call_pb2.CALL_STATE_ACTIVE
    report = await ended(client, created.connection_id)
    assert report.call.end_reason == call_pb2.END_REASON_PARTICIPANT_LEFT
    assert [one.name for one in report.call.participants] == ["Ada", "Bob"]


async def test_an_agent_joins_a_room_that_the_bridge_did_not_make(
    client: BridgeClient, livekit_server: LiveKitServer
) -> None:
    async with api.LiveKitAPI(
        livekit_server.url, livekit_server.api_key, livekit_server.api_secret
    ) as livekit:
        await livekit.room.create_room(api.CreateRoomRequest(name="theirs"))
        ticket = await client.join_room("Ada", "theirs", "tester")
        async with joined(ticket) as caller:
            await ready(client, ticket.connection_id)
            await say(caller, 440)
            await hears(caller, 880)
            await client.end_call(ticket.connection_id)
        rooms = await livekit.room.list_rooms(api.ListRoomsRequest(names=["theirs"]))
        assert [room.name for room in rooms.rooms] == ["theirs"]
        await livekit.room.delete_room(api.DeleteRoomRequest(room="theirs"))


async def test_nothing_spoken_and_no_secret_is_logged(
    client: BridgeClient, bridge: BridgeProcess, livekit_server: LiveKitServer
) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        await say(caller, 440)
        await hears(caller, 880)
        await client.end_call(created.connection_id)
    log = bridge.log.read_text()
    assert "call ended" in log
    for secret in (
        "tone 880",
        "swordfish",
        livekit_server.api_secret,
        created.access_token,
        "Traceback",
    ):
        assert secret not in log


async def test_events_tell_who_came_and_who_spoke(client: BridgeClient) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        await say(caller, 440)
        event = await until(client, created.connection_id, "user_speech")
        assert event.user_speech.participant_identity == created.participant_id
        await client.end_call(created.connection_id)
    changes = [
        event.participant_changed.change
        async for event in watched(client, created.connection_id)
        if event.WhichOneof("kind") == "participant_changed"
    ]
    assert changes[:2] == [
        event_pb2.PARTICIPANT_CHANGE_JOINED,
        event_pb2.PARTICIPANT_CHANGE_MICROPHONE_ON,
    ]


async def test_without_livekit_calls_are_refused_with_a_reason(
    simulator: Simulator, tmp_path: Path
) -> None:
    async with (
        bridge_process(None, simulator.url, tmp_path / "bridge.log") as bridge,
        BridgeClient(bridge.address) as client,
    ):
        with pytest.raises(FailedPreconditionError) as refused:
            await client.create_room("Ada", "tester")
        assert refused.value.reason == "LIVEKIT_DISABLED"
        assert (await client.stats()).slots_total == 0
