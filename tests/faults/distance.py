"""A caller behind a bad network: how much of the agent it still hears."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.client import BridgeClient
from bridge.simulator import Simulator, SimulatorSettings
from bridge.v1.call_service_pb2 import CreateRoomResponse
from tests.e2e.rig import bridge_process, ended
from tests.faults.link import NEAR_ADDRESS, Link, in_namespace
from tests.faults.row import Row, ending_of
from tests.livekit_server import LiveKitServer

_LASTS_S: Final = 10.0
_JOINED_WITHIN_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Network:
    """How bad it is, and how much of the agent's sound must come through all the same."""

    loss: float
    jitter_s: float
    heard_share: float

    def __str__(self) -> str:
        lost = f"{self.loss:.0%} of packets lost" if self.loss else "no packets lost"
        return f"caller's network: {lost}, {self.jitter_s * 1000:.0f} ms of jitter, each way"


NETWORKS: Final = (
    Network(0.05, 0.0, 0.9),
    Network(0.10, 0.0, 0.85),
    Network(0.20, 0.0, 0.7),
    Network(0.0, 0.2, 0.5),
    Network(0.10, 0.2, 0.4),
)


@dataclass(frozen=True, slots=True)
class FarRow:
    """What came of it."""

    row: Row
    heard_share: float


async def endured(network: Network, link: Link, livekit: LiveKitServer, log: Path) -> FarRow:
    """Have a call over a network that becomes bad and good again; `livekit` listens near it."""
    settings = SimulatorSettings(behaviour="loopback", first_delta_ms=0)
    public_url = livekit.url.replace("127.0.0.1", NEAR_ADDRESS)
    link.start()
    try:
        async with (
            Simulator(settings) as simulator,
            bridge_process(livekit, simulator.url, log, LIVEKIT_PUBLIC_URL=public_url) as bridge,
            BridgeClient(bridge.address) as client,
        ):
            created = await client.create_room("Ada", "tester")
            async with _far_caller(created) as caller:
                await _hears(caller)
                link.loss, link.jitter_s = network.loss, network.jitter_s
                await _asked(caller)
                await asyncio.sleep(_LASTS_S)
                share, silent_s = await _asked(caller)
                link.loss = link.jitter_s = 0.0
                await _hears(caller)
                await client.end_call(created.connection_id)
            report = await ended(client, created.connection_id)
    finally:
        link.loss = link.jitter_s = 0.0
        link.stop()
    heard = f"{share:.0%} of the time, at most {silent_s:.2f} s of silence"
    row = Row(str(network), None, "nobody", heard, ending_of(report), "nothing")
    return FarRow(row, share)


@asynccontextmanager
async def _far_caller(created: CreateRoomResponse) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *in_namespace(sys.executable, "-m", "tests.faults.far_caller"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(f"{created.server_url}\n{created.access_token}\n".encode())
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _asked(caller: asyncio.subprocess.Process) -> tuple[float, float]:
    """Return the share of the time since the last question in which the tone was heard."""
    assert caller.stdin is not None
    assert caller.stdout is not None
    caller.stdin.write(b"\n")
    share, silent_s = json.loads(await caller.stdout.readline())
    return float(share), float(silent_s)


async def _hears(caller: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(_JOINED_WITHIN_S):
        while (await _asked(caller))[0] < 0.9:
            await asyncio.sleep(1)
