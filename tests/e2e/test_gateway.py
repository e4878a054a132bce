"""The Go gateway with the seed's own page code: its JavaScript hears the agent, in Chromium."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser

from bridge.client import BridgeClient
from bridge.demo.livekit_build import find_go
from bridge.demo.processes import Child
from bridge.demo.web import SOURCE, build_page
from tests.e2e.rig import SOON_S, BridgeProcess, ended, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

_GO: Final = Path(__file__).parents[2] / "clients" / "go"
_SEED: Final = Path(__file__).parent / "seed"
_PATIENCE_MS: Final = 20_000
_AUDIBLE_DBFS: Final = -40
"""Of the tester's answer; the noise of two codecs is far below."""


@pytest.fixture
async def gateway_program(tmp_path: Path) -> Path:
    go = await find_go()
    assert go is not None
    program = tmp_path / "mediabridge-gateway"
    building = await asyncio.create_subprocess_exec(
        go.program, "build", "-o", program, "./cmd/mediabridge-gateway", cwd=_GO, env=go.environ
    )
    assert await building.wait() == 0
    return program


@pytest.fixture
async def page_folder(tmp_path: Path) -> Path:
    """The seed's example, a page around it, and LiveKit's client where the example looks for it."""
    await build_page(lambda _: None)  # installs LiveKit's client
    folder = tmp_path / "page"
    folder.mkdir()
    shutil.copy(_SEED / "page.html", folder / "index.html")
    shutil.copy(_SEED / "client.js", folder)
    library = SOURCE / "node_modules" / "livekit-client" / "dist" / "livekit-client.esm.mjs"
    shutil.copy(library, folder / "livekit-client.mjs")
    return folder


@pytest.fixture
async def gateway(
    gateway_program: Path, page_folder: Path, bridge: BridgeProcess, tmp_path: Path
) -> AsyncIterator[str]:
    """The gateway's URL."""
    address = f"127.0.0.1:{free_port()}"
    environ = {
        "MEDIABRIDGE_GATEWAY_LISTEN": address,
        "MEDIABRIDGE_GATEWAY_BRIDGE": bridge.address,
        "MEDIABRIDGE_GATEWAY_PAGE": str(page_folder),
    }
    running = Child("gateway", [gateway_program], environ, tmp_path / "gateway.log")

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        except ConnectionRefusedError:
            return False
        writer.close()
        return True

    async with running:
        await running.ready(listens, SOON_S)
        yield f"http://{address}/"


async def test_the_seeds_javascript_hears_the_agent_answer(
    gateway: str, browser: Browser, client: BridgeClient
) -> None:
    page = await browser.new_page()
    await page.goto(gateway)
    await page.wait_for_function(f"heardAtDbfs(880) > {_AUDIBLE_DBFS}", timeout=_PATIENCE_MS)
    # It is the answer to the microphone's 440 Hz, and nothing else.
    assert await page.evaluate("heardAtDbfs(640)") < _AUDIBLE_DBFS
    connection_id = await page.evaluate("connectionId")
    await page.close()
    report = await ended(client, connection_id)
    assert any(turn.agent_text == "tone 880 Hz" for turn in report.turns)
