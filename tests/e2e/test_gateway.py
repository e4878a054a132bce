"""The Go gateway in front of Chromium: the seed's own JavaScript, and pages that want a key."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from bridge.access.principal import Scope
from bridge.client import BridgeClient
from bridge.demo.livekit_build import find_go
from bridge.demo.processes import Child
from bridge.demo.web import SOURCE, build_page
from bridge.simulator import Simulator
from bridge.v1 import call_pb2
from tests.e2e.browsing import PATIENCE_MS, barriers, hears_the_answer, start_call
from tests.e2e.rig import SOON_S, bridge_process, ended, free_port, said
from tests.fakes.keys import Keys
from tests.livekit_server import LiveKitServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

_GO: Final = Path(__file__).parents[2] / "clients" / "go"
_SEED: Final = Path(__file__).parent / "seed"
_AUDIBLE_DBFS: Final = -40
"""Of the tester's answer; the noise of two codecs is far below."""
_EVERYTHING: Final = frozenset(Scope) - {Scope.ADMIN}


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


@asynccontextmanager
async def gateway(program: Path, page: Path, bridge: str, log: Path) -> AsyncIterator[str]:
    """Run a gateway that serves a page's folder; give its URL."""
    address = f"127.0.0.1:{free_port()}"
    environ = {
        "MEDIABRIDGE_GATEWAY_LISTEN": address,
        "MEDIABRIDGE_GATEWAY_BRIDGE": bridge,
        "MEDIABRIDGE_GATEWAY_PAGE": str(page),
    }
    running = Child("gateway", [program], environ, log)

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
    gateway_program: Path, page_folder: Path, standing_bridge: str, browser: Browser, tmp_path: Path
) -> None:
    log = tmp_path / "gateway.log"
    async with gateway(gateway_program, page_folder, standing_bridge, log) as url:
        page = await browser.new_page()
        await page.goto(url)
        await page.wait_for_function(f"heardAtDbfs(880) > {_AUDIBLE_DBFS}", timeout=PATIENCE_MS)
        # It is the answer to the microphone's 440 Hz, and nothing else.
        assert await page.evaluate("heardAtDbfs(640)") < _AUDIBLE_DBFS
        connection_id = await page.evaluate("connectionId")
        async with BridgeClient(standing_bridge) as client:
            # Whoever leaves in the middle of an answer has not heard all its words; the
            # microphone goes on, and its next tone may stop one as well.
            await said(client, connection_id, "tone 880 Hz")
            await page.close()
            report = await ended(client, connection_id)
        assert any(turn.agent_text == "tone 880 Hz" for turn in report.turns)


@asynccontextmanager
async def guarded(
    program: Path, livekit: LiveKitServer, simulator: Simulator, keys: Keys, folder: Path
) -> AsyncIterator[tuple[str, str]]:
    """Run a bridge that wants keys behind a gateway with the pages; give their URL, its address."""
    log = folder / "bridge.log"
    secured = {"MEDIABRIDGE_KEYS_FILE": str(keys.path)}
    async with bridge_process(livekit, simulator.url, log, **secured) as bridge:
        pages = await build_page(lambda _: None)
        async with gateway(program, pages, bridge.address, folder / "gateway.log") as url:
            yield url, bridge.address


async def test_the_callers_page_asks_for_a_key_and_keeps_it_to_itself(
    gateway_program: Path,
    livekit_server: LiveKitServer,
    simulator: Simulator,
    browser: Browser,
    tmp_path: Path,
) -> None:
    keys = Keys(tmp_path / "keys.json")
    callers = frozenset({Scope.CALLS_CREATE, Scope.CALLS_READ, Scope.CALLS_CONTROL})
    hers = keys.add(tenant="acme", scopes=callers)
    async with (
        guarded(gateway_program, livekit_server, simulator, keys, tmp_path) as (url, address),
        BridgeClient(address, api_key=hers) as client,
    ):
        page = await browser.new_page()
        await page.goto(f"{url}?agent=tester")
        key = page.get_by_label("API key or token")
        await expect(key).to_be_focused(timeout=PATIENCE_MS)
        await expect(page.get_by_role("alert")).to_be_hidden()
        await expect(page.get_by_label("Your name")).to_be_hidden()
        assert await barriers(page) == []
        await key.fill("mbk_of_nobody")
        await key.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE_MS)
        await key.fill(hers)
        await key.press("Enter")
        await start_call(page)
        await hears_the_answer(page)
        connection_id = await page.evaluate("mediabridge.connectionId")
        await page.get_by_role("button", name="Hang up").click()
        report = await ended(client, connection_id)
        assert report.call.end_reason == call_pb2.END_REASON_API_ENDED
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        assert hers not in await page.evaluate(kept) + page.url
        await page.reload()
        await expect(key).to_be_focused(timeout=PATIENCE_MS)
        await page.close()


async def test_the_operators_page_shows_and_ends_what_its_key_may(
    gateway_program: Path,
    livekit_server: LiveKitServer,
    simulator: Simulator,
    browser: Browser,
    tmp_path: Path,
) -> None:
    keys = Keys(tmp_path / "keys.json")
    acmes, others = (keys.add(tenant=tenant, scopes=_EVERYTHING) for tenant in ("acme", "other"))
    async with (
        guarded(gateway_program, livekit_server, simulator, keys, tmp_path) as (url, address),
        BridgeClient(address, api_key=acmes) as acme,
        BridgeClient(address, api_key=others) as other,
    ):
        hers = (await acme.create_room("Grace", "tester")).connection_id
        theirs = (await other.create_room("Mallory", "tester")).connection_id
        page = await browser.new_page()
        await page.goto(f"{url}operator.html")
        key = page.get_by_label("API key or token")
        await expect(key).to_be_focused(timeout=PATIENCE_MS)
        await key.fill("mbk_of_nobody")
        await key.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible(timeout=PATIENCE_MS)
        assert await barriers(page) == []
        await key.fill(acmes)
        await key.press("Enter")
        await expect(page.get_by_text(hers)).to_be_visible(timeout=PATIENCE_MS)
        await expect(page.get_by_role("listitem").filter(has_text="with tester")).to_have_count(1)
        await expect(page.get_by_role("list", name="Events")).to_contain_text("waiting")

        await page.get_by_role("button", name="End the call").click()
        await page.get_by_role("button", name="End it").click()
        await ended(acme, hers)
        assert (await other.status(theirs)).is_active
        await other.end_call(theirs)
        await page.close()
