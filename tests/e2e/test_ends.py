"""However a call ends, it ends once, for the right reason, and leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from livekit import api

from bridge.client import BridgeClient, NotFoundError, UnavailableError
from bridge.simulator import Faults, Simulator
from bridge.v1 import call_pb2
from bridge.v1.agent_pb2 import AgentOverrides, SilencePolicy
from bridge.v1.call_pb2 import CallLimits
from bridge.v1.report_pb2 import CallReport
from tests.e2e.rig import (
    SOON_S,
    bridge_process,
    called,
    ended,
    free_port,
    heard_ms,
    hears,
    joined,
    lone_caller,
    model_process,
    ready,
    silence,
    watched,
)
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def seconds(value: float) -> Duration:
    span = Duration()
    span.FromTimedelta(timedelta(seconds=value))
    return span


@asynccontextmanager
async def livekit_api(server: LiveKitServer) -> AsyncIterator[api.LiveKitAPI]:
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as livekit:
        yield livekit


async def rooms_left(server: LiveKitServer) -> list[str]:
    async with livekit_api(server) as livekit:
        listed = await livekit.room.list_rooms(api.ListRoomsRequest())
        return [room.name for room in listed.rooms]


def verdict(report: CallReport) -> tuple[str, str]:
    call = report.call
    return (
        call_pb2.EndReason.Name(call.end_reason).removeprefix("END_REASON_"),
        call_pb2.EndFault.Name(call.end_fault).removeprefix("END_FAULT_"),
    )


async def next_call_works(client: BridgeClient) -> None:
    async with called(client) as (created, caller):
        await ready(client, created.connection_id)
        await caller.play(tone(440, 700) + silence(500))
        await hears(caller, 880)
        await client.end_call(created.connection_id)


async def test_a_caller_that_hangs_up_ends_the_call(
    client: BridgeClient, livekit_server: LiveKitServer
) -> None:
    async with called(client) as (created, _):
        await ready(client, created.connection_id)
    report = await ended(client, created.connection_id)
    assert verdict(report) == ("PARTICIPANT_LEFT", "NONE")
    assert created.room_name not in await rooms_left(livekit_server)


async def test_a_call_in_which_nobody_speaks_ends_behind_the_agents_last_words(
    client: BridgeClient,
) -> None:
    policy = SilencePolicy()
    policy.steps.add(after=seconds(1), say="Hello?")
    policy.steps.add(after=seconds(1), say="Goodbye.", end=True)
    agent = AgentOverrides(silence=policy)
    created = await client.create_room("Ada", "tester", agent=agent)
    async with joined(created) as caller:
        report = await ended(client, created.connection_id)
        # Each is a second of the simulator's tone.
        assert heard_ms(caller, 1000) == pytest.approx(2000, abs=200)
    assert verdict(report) == ("IDLE_TIMEOUT", "NONE")
    steps = [
        (event.silence_step.step, event.silence_step.ends_call)
        async for event in watched(client, created.connection_id)
        if event.HasField("silence_step")
    ]
    assert steps == [(1, False), (2, True)]


async def test_a_caller_that_comes_back_in_time_keeps_the_call(client: BridgeClient) -> None:
    created = await client.create_room("Ada", "tester")
    async with joined(created):
        await ready(client, created.connection_id)
    async with joined(created) as caller:
        await caller.play(tone(440, 700) + silence(500))
        await hears(caller, 880)
        await client.end_call(created.connection_id)
    report = await ended(client, created.connection_id)
    assert verdict(report) == ("API_ENDED", "NONE")
    assert len(report.call.participants) == 1


async def test_ending_a_call_twice_is_no_error_and_an_unknown_one_is(
    client: BridgeClient,
) -> None:
    created = await client.create_room("Ada", "tester")
    first, second = await asyncio.gather(
        client.end_call(created.connection_id), client.end_call(created.connection_id)
    )
    third = await client.end_call(created.connection_id)
    assert {first.call.end_reason, second.call.end_reason, third.call.end_reason} == {
        call_pb2.END_REASON_API_ENDED
    }
    assert third.already_ended
    with pytest.raises(NotFoundError) as refused:
        await client.end_call("call-that-never-was")
    assert refused.value.reason == "CALL_NOT_FOUND"


async def test_a_room_deleted_by_somebody_else_ends_the_call(
    client: BridgeClient, livekit_server: LiveKitServer
) -> None:
    async with called(client) as (created, _):
        await ready(client, created.connection_id)
        async with livekit_api(livekit_server) as livekit:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=created.room_name))
        report = await ended(client, created.connection_id)
    assert verdict(report) == ("ROOM_DELETED", "GATEWAY")
    await next_call_works(client)


async def test_a_bot_removed_by_somebody_else_ends_the_call(
    client: BridgeClient, livekit_server: LiveKitServer
) -> None:
    async with called(client) as (created, _):
        await ready(client, created.connection_id)
        async with livekit_api(livekit_server) as livekit:
            people = await livekit.room.list_participants(
                api.ListParticipantsRequest(room=created.room_name)
            )
            (bot,) = [one.identity for one in people.participants if "bot-" in one.identity]
            await livekit.room.remove_participant(
                api.RoomParticipantIdentity(room=created.room_name, identity=bot)
            )
        report = await ended(client, created.connection_id)
    assert verdict(report) == ("PARTICIPANT_REMOVED", "GATEWAY")
    assert created.room_name not in await rooms_left(livekit_server)


async def test_a_call_nobody_joins_ends(
    client: BridgeClient, livekit_server: LiveKitServer
) -> None:
    created = await client.create_room("Ada", "tester", limits=CallLimits(join_timeout=seconds(1)))
    report = await ended(client, created.connection_id)
    assert verdict(report) == ("JOIN_TIMEOUT", "CALLER")
    assert created.room_name not in await rooms_left(livekit_server)


async def test_a_call_ends_at_its_longest_duration_once_its_notice_is_heard(
    client: BridgeClient,
) -> None:
    limits = CallLimits(max_duration=seconds(2), time_exceeded_text="Our time is up.")
    async with called(client, limits=limits) as (created, caller):
        report = await ended(client, created.connection_id)
        # A second of the simulator's tone.
        assert heard_ms(caller, 1000) == pytest.approx(1000, abs=150)
    assert verdict(report) == ("MAX_DURATION", "NONE")
    assert 1.9 < report.call.active_duration.ToTimedelta().total_seconds() < 4


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Faults(refuse_status=401), "MODEL_AUTH"),
        (Faults(refuse_status=429), "MODEL_RATE_LIMITED"),
        (Faults(refuse_status=500), "MODEL_UNAVAILABLE"),
        (Faults(drop_after_s=0.5), "MODEL_LOST"),
        (Faults(close_after_s=0.5, close_code=1011), "MODEL_LOST"),
        (Faults(error_after_s=0.5, error_code="insufficient_quota"), "MODEL_QUOTA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_model_that_fails_ends_the_call_and_is_blamed(
    client: BridgeClient, simulator: Simulator, fault: Faults, reason: str
) -> None:
    simulator.faults = fault
    created = await client.create_room("Ada", "tester")
    report = await ended(client, created.connection_id)
    assert verdict(report) == (reason, "MODEL")
    simulator.faults = Faults()
    await next_call_works(client)


async def test_a_killed_model_ends_the_call_at_once_and_the_next_call_works(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    async with (
        bridge_process(livekit_server, url, tmp_path / "bridge.log") as bridge,
        BridgeClient(bridge.address) as client,
    ):
        async with model_process(port) as model, called(client) as (created, _):
            await ready(client, created.connection_id)
            model.kill()
            report = await ended(client, created.connection_id)
        assert verdict(report) == ("MODEL_LOST", "MODEL")
        async with model_process(port):
            await next_call_works(client)


async def test_a_killed_caller_ends_the_call_within_its_grace(
    # LiveKit itself takes twenty seconds to give up a participant that says nothing more.
    client: BridgeClient,
    livekit_server: LiveKitServer,
) -> None:
    created = await client.create_room("Ada", "tester", limits=CallLimits(rejoin_grace=seconds(1)))
    async with lone_caller(created) as caller:
        await ready(client, created.connection_id)
        caller.kill()
        report = await _ended_patiently(client, created.connection_id)
    assert verdict(report) == ("PARTICIPANT_LOST", "CALLER")
    assert created.room_name not in await rooms_left(livekit_server)
    await next_call_works(client)


async def test_a_killed_livekit_ends_the_call_within_its_grace_and_the_next_call_works(
    own_livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    async with (
        bridge_process(own_livekit_server, simulator.url, tmp_path / "bridge.log") as bridge,
        BridgeClient(bridge.address) as client,
    ):
        created = await client.create_room("Ada", "tester")
        async with lone_caller(created):
            await ready(client, created.connection_id)
            own_livekit_server.kill()
            report = await _ended_patiently(client, created.connection_id)
        assert verdict(report) == ("MEDIA_LOST", "MEDIA")
        with pytest.raises(UnavailableError) as refused:
            await client.create_room("Ada", "tester")
        assert refused.value.reason == "LIVEKIT_UNAVAILABLE"
        assert refused.value.retry_after is not None
        own_livekit_server.start()
        await next_call_works(client)
        assert (await client.stats()).slots_free == (await client.stats()).slots_total


async def test_sigterm_refuses_new_calls_and_ends_the_rest_politely(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    async with (
        bridge_process(
            livekit_server,
            simulator.url,
            tmp_path / "bridge.log",
            MEDIABRIDGE_DRAIN_TIMEOUT="5",
        ) as bridge,
        BridgeClient(bridge.address) as client,
        called(client) as (created, _),
    ):
        await ready(client, created.connection_id)
        watching = asyncio.create_task(ended(client, created.connection_id))
        await _watched_by(client, created.connection_id)
        bridge.terminate()
        refusal = await _refused(client)
        assert refusal.reason == "SERVER_DRAINING"
        assert verdict(await watching) == ("SERVER_DRAINING", "SERVER")
        assert await bridge.exit_status() == 0
    assert created.room_name not in await rooms_left(livekit_server)


async def test_a_bridge_that_was_killed_finds_and_deletes_its_rooms(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    async with (
        bridge_process(livekit_server, simulator.url, tmp_path / "first.log") as bridge,
        BridgeClient(bridge.address) as client,
    ):
        created = await client.create_room("Ada", "tester")
        await ready(client, created.connection_id)
        bridge.kill()
        await bridge.exit_status()
    assert created.room_name in await rooms_left(livekit_server)
    async with bridge_process(livekit_server, simulator.url, tmp_path / "second.log"):
        async with asyncio.timeout(90):
            while created.room_name in await rooms_left(livekit_server):
                await asyncio.sleep(0.5)  # LiveKit tells nobody of its rooms


async def _ended_patiently(client: BridgeClient, connection_id: str) -> CallReport:
    """Wait for an end that takes longer than an event may be late elsewhere."""
    async with asyncio.timeout(60):
        async for event in client.watch(connection_id):
            if event.WhichOneof("kind") == "ended":
                return event.ended.report
    raise AssertionError("the stream ended without an end")


async def _watched_by(client: BridgeClient, connection_id: str) -> None:
    """Let a watch that was just begun reach the server: one round trip later it has."""
    await client.status(connection_id)


async def _refused(client: BridgeClient) -> UnavailableError:
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                created = await client.create_room("Eve", "tester")
            except UnavailableError as refusal:
                return refusal
            await client.end_call(created.connection_id)
