"""What a server's next life knows of the one before: what had ended, and an end for the rest."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from livekit import api

from bridge.client import BridgeClient
from bridge.simulator import Simulator
from bridge.v1 import call_pb2
from bridge.v1.call_service_pb2 import CreateRoomResponse
from tests.e2e.rig import SOON_S, bridge_process, called, ended, hears, ready, silence
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.mark.parametrize("workers", [0, 2])
async def test_every_call_of_a_killed_server_has_one_end_in_its_next_life(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path, workers: int
) -> None:
    lives = {
        "MEDIABRIDGE_STORE_URL": f"sqlite:///{tmp_path / 'calls.db'}",
        "MEDIABRIDGE_HOST_ID": f"killed-{workers}",
        "MEDIABRIDGE_WORKERS": str(workers),
    }
    async with bridge_process(
        livekit_server, simulator.url, tmp_path / "first.log", **lives
    ) as first:
        async with BridgeClient(first.address) as client:
            over = await whole_call(client)
            async with called(client, name="Bob") as (live, bob):
                await ready(client, live.connection_id)
                await bob.play(tone(440, 600) + silence(600))
                await hears(bob, 880)
                left = psutil.Process(first.pid).children()
                seen = (await client.status(live.connection_id)).call.last_sequence
                await stored(tmp_path / "calls.db", live.connection_id, seen)
                first.kill()
                await first.exit_status()
        await gone(left)
    async with (
        bridge_process(livekit_server, simulator.url, tmp_path / "next.log", **lives) as second,
        BridgeClient(second.address) as client,
    ):
        report = await ended(client, live.connection_id)
        assert report.call.end_reason == call_pb2.END_REASON_WORKER_LOST
        assert report.call.end_fault == call_pb2.END_FAULT_SERVER
        assert report.call.last_sequence > seen
        assert report.complete
        assert (await client.report(live.connection_id)).call == report.call
        assert live.room_name not in await rooms_of(livekit_server)
        kept = await ended(client, over.connection_id)
        assert kept.call.end_reason == call_pb2.END_REASON_PARTICIPANT_LEFT
        assert await client.report(over.connection_id) == kept
        listed = [call.connection_id async for call in client.list_calls()]
        assert listed == [live.connection_id, over.connection_id]
        stats = await client.stats()
        assert (stats.active_connections, stats.slots_free) == (0, stats.slots_total)


async def whole_call(client: BridgeClient) -> CreateRoomResponse:
    async with called(client) as (made, _):
        await ready(client, made.connection_id)
    await ended(client, made.connection_id)
    return made


async def stored(file: Path, connection_id: str, sequence: int) -> None:
    """Wait until an event is in the file: nobody is told when it is."""
    newest = "SELECT max(sequence) FROM events WHERE connection_id = ?"
    async with asyncio.timeout(SOON_S):
        with closing(sqlite3.connect(file)) as database:
            while database.execute(newest, (connection_id,)).fetchone()[0] < sequence:
                await asyncio.sleep(0.05)


async def gone(processes: list[psutil.Process]) -> None:
    """Wait until the workers of a killed server have ended: nobody tells of others' processes."""
    async with asyncio.timeout(SOON_S):
        while any(process.is_running() for process in processes):
            await asyncio.sleep(0.05)


async def rooms_of(server: LiveKitServer) -> list[str]:
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as livekit:
        listed = await livekit.room.list_rooms(api.ListRoomsRequest())
        return [room.name for room in listed.rooms]
