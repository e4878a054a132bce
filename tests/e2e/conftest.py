"""What end-to-end tests share."""

import shutil
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, async_playwright

from bridge.client import BridgeClient
from bridge.simulator import Simulator, SimulatorSettings
from tests.e2e.rig import BridgeProcess, bridge_process
from tests.livekit_server import LiveKitServer
from tests.tones import tone

_BROWSER_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


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
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=chromium,
            args=[*_BROWSER_FLAGS, f"--use-file-for-fake-audio-capture={microphone}"],
        )
        try:
            yield launched
        finally:
            await launched.close()
