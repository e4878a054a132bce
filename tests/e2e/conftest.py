"""What end-to-end tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.client import BridgeClient
from bridge.simulator import Simulator, SimulatorSettings
from tests.e2e.rig import BridgeProcess, bridge_process
from tests.livekit_server import LiveKitServer


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A model that answers each tone with one twice as high, of a second, at once."""
    settings = SimulatorSettings(behaviour="tones", tone_ms=1000, first_delta_ms=0, speed=8)
    async with Simulator(settings) as running:
        yield running


@pytest.fixture
async def bridge(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> AsyncIterator[BridgeProcess]:
    """A server with that model."""
    async with bridge_process(livekit_server, simulator.url, tmp_path / "bridge.log") as running:
        yield running


@pytest.fixture
async def client(bridge: BridgeProcess) -> AsyncIterator[BridgeClient]:
    async with BridgeClient(bridge.address) as connected:
        yield connected
