"""The page in a real Chromium: a fake microphone plays a tone, and the answer is heard."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest
from playwright.async_api import Browser, Page, expect

from bridge.client import BridgeClient
from bridge.demo.page import serve_page
from bridge.demo.web import build_page
from bridge.ids import AgentId
from bridge.ports.agent import AgentSummary
from bridge.v1 import call_pb2
from tests.e2e.rig import ended

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_PATIENCE_MS: Final = 20_000
_AGENTS: Final = [AgentSummary(AgentId("tester"), "Tess", ("en",))]


@pytest.fixture
async def page(client: BridgeClient, browser: Browser) -> AsyncIterator[Page]:
    dist = await build_page(lambda _: None)
    async with serve_page(client, lambda: _AGENTS, dist, 0) as url:
        opened = await browser.new_page()
        await opened.goto(url)
        yield opened
        await opened.close()


async def until(page: Page, condition: str) -> None:
    """Wait for a condition; the page's own security policy forbids Playwright's way to wait."""
    async with asyncio.timeout(_PATIENCE_MS / 1000):
        while not await page.evaluate(condition):
            await asyncio.sleep(0.05)


async def start(page: Page) -> None:
    await page.get_by_label("Your name").fill("Ada")
    await page.locator("#start:enabled").click()


async def test_a_tone_into_the_pages_microphone_comes_back_as_the_agents_answer(
    page: Page, client: BridgeClient
) -> None:
    await start(page)
    await until(page, "Math.abs(window.mediabridge.dominantAgentFrequencyHz() - 880) < 10")
    await expect(page.get_by_text("tone 880 Hz").first).to_be_visible(timeout=_PATIENCE_MS)
    connection_id = await page.evaluate("window.mediabridge.connectionId")
    await page.get_by_role("button", name="Hang up").click()
    report = await ended(client, connection_id)
    assert report.call.end_reason in {
        call_pb2.END_REASON_API_ENDED,
        call_pb2.END_REASON_PARTICIPANT_LEFT,
    }
    await page.wait_for_function("() => window.mediabridge.state === 'ended'", timeout=_PATIENCE_MS)


async def test_a_call_that_the_gateway_ends_is_explained_on_the_page(
    page: Page, client: BridgeClient
) -> None:
    await start(page)
    await until(page, "window.mediabridge.state === 'connected'")
    await client.end_call(await page.evaluate("window.mediabridge.connectionId"))
    await page.wait_for_function("() => window.mediabridge.state === 'ended'", timeout=_PATIENCE_MS)
