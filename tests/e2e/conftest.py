"""What end-to-end tests share."""

import asyncio
import shutil
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser

from bridge.client import BridgeClient
from bridge.simulator import Simulator, SimulatorSettings
from tests.e2e.browsing import launched
from tests.e2e.rig import BridgeProcess, bridge_process, free_port, model_process
from tests.livekit_server import LiveKitServer
from tests.tones import tone


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


@pytest.fixture(scope="session")
def standing_bridge(
    livekit_server: LiveKitServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a server with such a model, for all tests that need none of their own.

    Both are processes: nothing of them runs on a test's loop.
    """
    model_port = free_port()
    log = tmp_path_factory.mktemp("standing") / "bridge.log"
    with asyncio.Runner() as runner:
        servers = AsyncExitStack()

        async def start() -> str:
            await servers.enter_async_context(model_process(model_port))
            url = f"http://127.0.0.1:{model_port}/v1"
            running = await servers.enter_async_context(bridge_process(livekit_server, url, log))
            return running.address

        try:
            yield runner.run(start())
        finally:
            runner.run(servers.aclose())


@pytest.fixture
def chromium() -> str:
    """The machine's own browser; none is downloaded."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium on this machine")
    return found


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    """What the browser's microphone plays over and over: a tone, then silence."""
    path = tmp_path / "microphone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(tone(440, 800) + bytes(2 * 48_000 * 4))
    return path


@pytest.fixture
async def browser(chromium: str, microphone: Path) -> AsyncIterator[Browser]:
    async with launched(chromium, microphone) as running:
        yield running
