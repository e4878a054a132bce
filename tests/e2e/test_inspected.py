"""A look into a server that serves, and into its worker."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from bridge.client import BridgeClient
from bridge.simulator import Simulator
from bridge.v1 import admin_service_pb2 as pb
from tests.e2e.rig import SOON_S, BridgeProcess, bridge_process, called, ready
from tests.livekit_server import LiveKitServer

pytestmark = pytest.mark.e2e


def lines(bridge: BridgeProcess, event: str) -> list[dict[str, str]]:
    # Native libraries write lines of their own, and the last one may not be whole yet.
    whole = (line for line in bridge.log.read_text().splitlines() if line[:1] + line[-1:] == "{}")
    logged = (json.loads(line) for line in whole)
    return [line for line in logged if line["event"] == event]


async def command(bridge: BridgeProcess, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge.cli.main", "debug", *arguments),
        *("--server", bridge.address),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_tasks_are_shown_and_logged_and_levels_change_in_all_processes(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    async with (
        bridge_process(
            livekit_server, simulator.url, tmp_path / "log", MEDIABRIDGE_WORKERS="1"
        ) as bridge,
        BridgeClient(bridge.address) as client,
        called(client) as (created, _),
    ):
        await ready(client, created.connection_id)
        front, worker = (await client.dump_tasks()).processes
        assert (front.name, front.pid) == ("front", bridge.pid)
        assert worker.pid not in {0, front.pid}
        call = f"call {created.connection_id}"
        (task,) = [one for one in worker.tasks if one.name == call]
        assert task.frames[0].endswith(" CallHost._carry")
        assert call not in {one.name for one in front.tasks}

        shown = await command(bridge, "tasks", "--name", created.connection_id)
        assert f"task {call}" in shown
        assert "task loop lag" not in shown

        os.kill(bridge.pid, signal.SIGUSR1)
        async with asyncio.timeout(SOON_S):
            while call not in {line["name"] for line in lines(bridge, "task")}:
                await asyncio.sleep(0.1)  # a log offers nothing to wait on
        assert {line["process"] for line in lines(bridge, "task")} == {"front", worker.name}

        assert not lines(bridge, "rpc request")
        assert "it was info" in await command(bridge, "log-level", "debug")
        await client.stats()
        async with asyncio.timeout(SOON_S):
            while not lines(bridge, "rpc request"):
                await asyncio.sleep(0.1)
        before = await client.set_log_level(pb.LOG_LEVEL_WARNING)
        assert before.previous == pb.LOG_LEVEL_DEBUG
        told = len(lines(bridge, "rpc"))
        await client.end_call(created.connection_id)
        assert len(lines(bridge, "rpc")) == told
        assert not lines(bridge, "call ended")  # the worker's to log
