"""Calls in worker processes: what a caller, a watcher and the other calls notice when one dies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from bridge.client import BridgeClient
from bridge.simulator import Simulator
from bridge.v1 import call_pb2, telemetry_service_pb2
from bridge.v1.call_service_pb2 import CreateRoomResponse
from tests.e2e.rig import (
    BridgeProcess,
    bridge_process,
    called,
    ended,
    hears,
    ready,
    silence,
    until,
)
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

WORKERS, SLOTS = 2, 2
SOON_S = 45.0


@pytest.fixture
async def server(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> AsyncIterator[BridgeProcess]:
    async with bridge_process(
        livekit_server,
        simulator.url,
        tmp_path / "bridge.log",
        MEDIABRIDGE_WORKERS=str(WORKERS),
        MEDIABRIDGE_SLOTS=str(SLOTS),
        MEDIABRIDGE_DRAIN_TIMEOUT="1s",
    ) as running:
        yield running


@pytest.fixture
async def front(server: BridgeProcess) -> AsyncIterator[BridgeClient]:
    async with BridgeClient(server.address) as client:
        yield client


def workers(server: BridgeProcess) -> dict[str, psutil.Process]:
    """Return the server's workers by their host ids."""
    found = {}
    for child in psutil.Process(server.pid).children():
        try:
            line = child.cmdline()
        except psutil.NoSuchProcess:  # gone, or dead and not yet waited for
            continue
        if "worker" in line:
            found[line[line.index("--host-id") + 1]] = child
    return found


def worker_of(server: BridgeProcess, made: CreateRoomResponse) -> psutil.Process:
    return workers(server)[made.call.host_id]


def mapped(process: psutil.Process) -> str:
    """Return the names of all files that a process has mapped into its memory."""
    return " ".join(one.path for one in process.memory_maps())


async def free_slots(client: BridgeClient) -> int:
    stats: telemetry_service_pb2.GetStatsResponse = await client.stats()
    return stats.slots_free


async def slots_are_free(client: BridgeClient, count: int) -> None:
    async with asyncio.timeout(SOON_S):
        while await free_slots(client) != count:
            await asyncio.sleep(0.05)  # statistics tell nobody of their changes


async def test_caller_is_heard_and_answered_by_a_worker(
    server: BridgeProcess, front: BridgeClient
) -> None:
    async with called(front) as (made, caller):
        await ready(front, made.connection_id)
        await caller.play(tone(440, 600) + silence(600))
        await hears(caller, 880)
    report = await ended(front, made.connection_id)
    assert report.call.end_reason == call_pb2.END_REASON_PARTICIPANT_LEFT
    assert len(report.turns) >= 1
    assert report.complete
    # What only the other one needs is not even loaded.
    serving, carrying = mapped(psutil.Process(server.pid)), mapped(worker_of(server, made))
    assert "livekit_ffi" in carrying
    assert "numpy" in carrying
    assert "livekit_ffi" not in serving
    assert "numpy" not in serving
    assert "sqlalchemy" not in carrying


async def test_killed_worker_s_call_ends_once_and_the_other_goes_on(
    server: BridgeProcess, front: BridgeClient
) -> None:
    async with called(front, name="Ada") as (first, _), called(front, name="Bob") as (second, bob):
        assert first.call.host_id != second.call.host_id, "the emptier worker gets the next call"
        await ready(front, first.connection_id)
        await ready(front, second.connection_id)
        victim = worker_of(server, first)
        loop = asyncio.get_running_loop()
        killed_s = loop.time()
        victim.kill()
        report = await ended(front, first.connection_id)
        assert loop.time() - killed_s < 2
        assert report.call.end_reason == call_pb2.END_REASON_WORKER_LOST
        assert report.call.end_fault == call_pb2.END_FAULT_SERVER
        assert [incident.code for incident in report.incidents] == ["report_incomplete"]
        await bob.play(tone(500, 600) + silence(600))
        await hears(bob, 1000)
        await slots_are_free(front, WORKERS * SLOTS - 1)
    async with called(front) as (third, caller):
        await ready(front, third.connection_id)
        await caller.play(tone(440, 600) + silence(600))
        await hears(caller, 880)


async def test_worker_that_hangs_is_killed_and_its_call_ends(
    server: BridgeProcess, front: BridgeClient
) -> None:
    async with called(front) as (made, _):
        await ready(front, made.connection_id)
        worker = worker_of(server, made)
        os.kill(worker.pid, signal.SIGSTOP)
        report = await ended(front, made.connection_id)
    assert report.call.end_reason == call_pb2.END_REASON_WORKER_LOST
    await slots_are_free(front, WORKERS * SLOTS)


async def test_workers_are_replaced_without_dropping_a_call(
    server: BridgeProcess, front: BridgeClient
) -> None:
    before = set(workers(server))
    async with called(front) as (made, caller):
        await ready(front, made.connection_id)
        os.kill(server.pid, signal.SIGUSR2)
        async with called(front, name="Bob") as (_, bob):
            await bob.play(tone(500, 600) + silence(600))
            await hears(bob, 1000)
        async with asyncio.timeout(SOON_S):
            while (
                len(workers(server).keys() - before) < WORKERS
                or made.call.host_id not in (left := workers(server).keys() & before)
                or len(left) > 1
            ):
                await asyncio.sleep(0.05)  # nobody tells of processes that are not ours
        await caller.play(tone(440, 600) + silence(600))
        await hears(caller, 880)
    await ended(front, made.connection_id)
    async with asyncio.timeout(SOON_S):
        while workers(server).keys() & before:
            await asyncio.sleep(0.05)
    await slots_are_free(front, WORKERS * SLOTS)


async def test_all_slots_of_all_workers_can_be_taken_and_no_more(front: BridgeClient) -> None:
    asked = [front.create_room(f"caller {n}", "tester") for n in range(3 * WORKERS * SLOTS)]
    made = await asyncio.gather(*asked, return_exceptions=True)
    calls = [one for one in made if isinstance(one, CreateRoomResponse)]
    assert len(calls) == WORKERS * SLOTS
    by_worker = [call.call.host_id for call in calls]
    assert {by_worker.count(worker) for worker in by_worker} == {SLOTS}
    for call in calls:
        await front.end_call(call.connection_id)
    await slots_are_free(front, WORKERS * SLOTS)


async def test_workers_go_with_their_server(server: BridgeProcess, front: BridgeClient) -> None:
    async with called(front) as (made, _):
        await until(front, made.connection_id, "participant_changed")
        left = list(workers(server).values())
        server.kill()
        await server.exit_status()
        async with asyncio.timeout(SOON_S):
            while any(worker.is_running() for worker in left):
                await asyncio.sleep(0.05)  # nobody tells of a process that is not ours


async def test_stopping_server_ends_its_workers_calls_politely(
    server: BridgeProcess, front: BridgeClient
) -> None:
    async with called(front) as (made, _):
        await ready(front, made.connection_id)
        watching = asyncio.create_task(ended(front, made.connection_id))
        server.terminate()
        report = await watching
    assert await server.exit_status() == 0
    assert report.call.end_reason == call_pb2.END_REASON_SERVER_DRAINING
