"""The operator's page in a real Chromium: it shows what goes on, and ends it."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from bridge.client import BridgeClient
from bridge.demo.page import serve_page
from bridge.demo.web import build_page
from bridge.v1 import call_pb2
from tests.e2e.browsing import PATIENCE_MS, barriers, until
from tests.e2e.rig import called, ended, hears, ready
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture
async def client(standing_bridge: str) -> AsyncIterator[BridgeClient]:
    async with BridgeClient(standing_bridge) as connected:
        yield connected


@pytest.fixture
async def page(client: BridgeClient, browser: Browser) -> AsyncIterator[Page]:
    dist = await build_page(lambda _: None)
    async with serve_page(client, dist) as url:
        opened = await browser.new_page()
        await opened.goto(f"{url}operator.html")
        yield opened
        await opened.close()


def is_drawn_above_half(line: str) -> str:
    """Return the condition that a line of the first plot, of the sound, has been so high."""
    drawn = f"(document.querySelector('.plot path.{line}').getAttribute('d') ?? '')"
    # In a path "M0.0 120.0L5.0 33.3" the second numbers count from the top, to 120.
    return rf"[...{drawn}.matchAll(/ ([\d.]+)/g)].some(([, y]) => y < 60)"


async def test_a_live_call_is_shown_with_its_sound_and_its_words_and_is_ended(
    page: Page, client: BridgeClient
) -> None:
    async with called(client, name="Grace") as (created, caller):
        call = page.get_by_role("button", name="Grace with tester")
        await call.click(timeout=PATIENCE_MS)
        await expect(page.get_by_role("heading", name="Grace with tester")).to_be_focused()
        await ready(client, created.connection_id)
        await caller.play(tone(440, 500) + bytes(48_000))
        await hears(caller, 880)
        events = page.get_by_role("list", name="Events")
        await expect(events).to_contain_text("“tone 440 Hz”", timeout=PATIENCE_MS)
        await expect(events).to_contain_text("“tone 880 Hz”", timeout=PATIENCE_MS)
        # A tone of -15 dBFS, on a scale from -60 to 0: of the caller, and of the agent.
        await until(page, is_drawn_above_half("series-0"))
        await until(page, is_drawn_above_half("series-1"))
        assert await barriers(page) == []

        await page.get_by_role("button", name="End the call").click()
        await page.get_by_role("button", name="Keep it").click()
        assert (await client.status(created.connection_id)).is_active
        await page.get_by_role("button", name="End the call").click()
        await page.get_by_role("button", name="End it").click()
        report = await ended(client, created.connection_id)
        assert report.call.end_reason == call_pb2.END_REASON_API_ENDED
    await expect(page.get_by_role("button", name="Grace with tester")).to_contain_text(
        "ended: api ended", timeout=PATIENCE_MS
    )
    await expect(page.get_by_role("button", name="End the call")).to_be_hidden()
