"""A bridge with one worker whose metrics are read, and the call that is in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from bridge.client import BridgeClient, ResourceExhaustedError
from bridge.room.caller import Caller
from bridge.simulator import Simulator
from tests.e2e.rig import BridgeProcess, bridge_process, free_port, hears, ready, silence
from tests.livekit_server import LiveKitServer
from tests.tones import tone

_PRICES: Final = Path(__file__).parent / "prices.yaml"


@dataclass(frozen=True, slots=True)
class Metered:
    """A bridge with one slot, and where its metrics are read."""

    bridge: BridgeProcess
    client: BridgeClient
    metrics: str

    async def two_turns(self, connection_id: str, caller: Caller) -> None:
        """Take two turns in a call, and be refused another one meanwhile."""
        await ready(self.client, connection_id)
        for hz in (440.0, 600.0):
            await caller.play(tone(hz, 600) + silence(500))
            await hears(caller, 2 * hz, 900)
        with pytest.raises(ResourceExhaustedError):
            await self.client.create_room("Bea", "tester")


@asynccontextmanager
async def metered(
    livekit: LiveKitServer, simulator: Simulator, folder: Path
) -> AsyncIterator[Metered]:
    """Run such a bridge."""
    metrics = f"127.0.0.1:{free_port()}"
    async with (
        bridge_process(
            livekit,
            simulator.url,
            folder / "log",
            MEDIABRIDGE_METRICS_LISTEN=metrics,
            MEDIABRIDGE_WORKERS="1",
            MEDIABRIDGE_SLOTS="1",
            MEDIABRIDGE_PRICES=str(_PRICES),
        ) as bridge,
        BridgeClient(bridge.address) as client,
    ):
        yield Metered(bridge, client, metrics)
