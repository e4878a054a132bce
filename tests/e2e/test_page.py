"""The caller's page in a real Chromium: a fake microphone plays a tone, and the answer is heard."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from livekit import api
from playwright.async_api import Browser, Page, Route, expect

from bridge.client import BridgeClient
from bridge.demo.page import serve_page
from bridge.demo.web import build_page
from bridge.v1 import call_pb2
from tests.e2e.browsing import (
    PATIENCE_MS,
    barriers,
    hears_the_answer,
    launched,
    start_call,
    until,
)
from tests.e2e.line import line_to
from tests.e2e.rig import ended
from tests.livekit_server import LiveKitServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

_ENDED_BY_THE_CALLER: Final = {
    call_pb2.END_REASON_API_ENDED,
    call_pb2.END_REASON_PARTICIPANT_LEFT,
}


@pytest.fixture
async def client(standing_bridge: str) -> AsyncIterator[BridgeClient]:
    async with BridgeClient(standing_bridge) as connected:
        yield connected


@pytest.fixture
async def url(client: BridgeClient) -> AsyncIterator[str]:
    dist = await build_page(lambda _: None)
    async with serve_page(client, dist) as served:
        yield served


@pytest.fixture
async def page(url: str, browser: Browser) -> AsyncIterator[Page]:
    opened = await browser.new_page()
    await opened.goto(f"{url}?agent=tester")
    yield opened
    await opened.close()


async def is_over(page: Page) -> None:
    await until(page, "window.mediabridge.state === 'ended'")


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def rewrite_admissions(page: Page, change: Callable[[dict[str, Any]], None]) -> None:
    """Let the page get another answer to create-room than the server gave."""

    async def rewrite(route: Route) -> None:
        response = await route.fetch()
        answer = await response.json()
        change(answer)
        await route.fulfill(response=response, json=answer)

    await page.route("**/livekit/create-room", rewrite)


async def test_a_tone_into_the_pages_microphone_comes_back_as_the_agents_answer(
    page: Page, client: BridgeClient
) -> None:
    assert await barriers(page) == []
    await start_call(page)
    await hears_the_answer(page)
    lines = page.get_by_role("list", name="Transcript")
    await expect(lines.get_by_text("tone 440 Hz").first).to_be_visible(timeout=PATIENCE_MS)
    answer = lines.get_by_role("listitem").filter(has_text="tone 880 Hz").first
    await expect(answer).to_contain_text(re.compile(r"answered after \d\.\d s"))
    # A screen reader is told each line once it is whole.
    await expect(page.get_by_role("log")).to_contain_text("Tess: tone 880 Hz")
    assert await barriers(page) == []

    connection_id = await page.evaluate("window.mediabridge.connectionId")
    await page.get_by_role("button", name="Hang up").click()
    report = await ended(client, connection_id)
    assert report.call.end_reason in _ENDED_BY_THE_CALLER
    await expect(page.get_by_role("alert")).to_contain_text("You hung up")
    assert await barriers(page) == []


async def test_a_call_is_placed_muted_and_ended_by_keys_alone(
    page: Page, client: BridgeClient
) -> None:
    await expect(page.locator("#start")).to_be_enabled()
    await page.keyboard.press("Tab")  # the agent; it speaks but one language
    await page.keyboard.press("Tab")
    await page.keyboard.type("Ada")
    await page.keyboard.press("Enter")
    await until(page, "window.mediabridge.state === 'connected'")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(page.get_by_role("button", name="Unmute")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await is_over(page)
    await expect(page.get_by_role("button", name="Call again")).to_be_focused()
    report = await ended(client, await page.evaluate("window.mediabridge.connectionId"))
    assert report.call.end_reason in _ENDED_BY_THE_CALLER


async def test_a_call_that_the_gateway_ends_is_explained_on_the_page(
    page: Page, client: BridgeClient
) -> None:
    await start_call(page)
    await until(page, "window.mediabridge.state === 'connected'")
    await client.end_call(await page.evaluate("window.mediabridge.connectionId"))
    await expect(page.get_by_role("alert")).to_contain_text("The call was ended")


async def test_two_browsers_share_a_call_and_the_guest_leaves_it_standing(
    page: Page, url: str, client: BridgeClient, browser: Browser
) -> None:
    await start_call(page)
    await until(page, "window.mediabridge.state === 'connected'")
    connection_id = await page.evaluate("window.mediabridge.connectionId")
    room = (await client.status(connection_id)).room_name
    other = await browser.new_context()
    guest = await other.new_page()
    await guest.goto(f"{url}?room={room}")
    await expect(guest.get_by_role("heading", name="Join the call")).to_be_visible()
    await expect(guest.locator("#agent")).to_be_hidden()  # the call has its agent
    await start_call(guest, "Bob")
    await asyncio.gather(hears_the_answer(page), hears_the_answer(guest))
    assert await guest.evaluate("window.mediabridge.connectionId") == connection_id
    await expect(page.get_by_text("Bob is here, too")).to_be_visible()
    await expect(guest.get_by_text("Ada is here, too")).to_be_visible()

    await guest.get_by_role("button", name="Leave").click()
    await is_over(guest)
    await expect(page.get_by_text("Bob is here, too")).to_be_hidden(timeout=PATIENCE_MS)
    assert (await client.status(connection_id)).is_active
    assert await page.evaluate("window.mediabridge.state") == "connected"
    await other.close()


async def test_a_call_outlives_a_network_that_is_away_for_a_while(
    url: str, browser: Browser, livekit_server: LiveKitServer, client: BridgeClient
) -> None:
    async with (
        line_to(port_of(url)) as (to_the_gateway, gateway_port),
        line_to(port_of(livekit_server.url)) as (to_livekit, livekit_port),
    ):
        through_the_line = f"ws://127.0.0.1:{livekit_port}"
        page = await browser.new_page()
        await rewrite_admissions(page, lambda answer: answer.update(serverUrl=through_the_line))
        await page.goto(f"http://127.0.0.1:{gateway_port}/?agent=tester")
        await start_call(page)
        await hears_the_answer(page)
        for line in (to_the_gateway, to_livekit):
            line.cut()
        await page.context.set_offline(True)
        await expect(page.get_by_text("You are offline")).to_be_visible(timeout=PATIENCE_MS)
        await expect(page.locator("#connection")).to_have_text("Reconnecting")
        lines = page.locator("#lines li")
        lines_before = await lines.count()

        for line in (to_the_gateway, to_livekit):
            line.mend()
        await page.context.set_offline(False)
        await until(page, "window.mediabridge.state === 'connected'")
        # The events go on, too: another turn is told of, and none twice.
        await expect(lines.nth(lines_before + 1)).to_be_visible(timeout=PATIENCE_MS)
        await hears_the_answer(page)
        connection_id = await page.evaluate("window.mediabridge.connectionId")
        await page.get_by_role("button", name="Hang up").click()
        report = await ended(client, connection_id)
        assert len(report.call.participants) == 1
        said = await lines.locator(".said").all_text_contents()
        assert said[:2] == ["tone 440 Hz", "tone 880 Hz"]
        told = [text for turn in report.turns for text in (turn.user_text, turn.agent_text) if text]
        assert len(said) <= len(told)
        await page.close()


async def test_a_microphone_that_is_denied_is_explained_and_no_call_is_placed(
    url: str, client: BridgeClient, chromium: str, microphone: Path
) -> None:
    calls_before = (await client.stats()).calls_created
    async with launched(chromium, microphone, "--use-fake-ui-for-media-stream=deny") as browser:
        page = await browser.new_page()
        await page.goto(f"{url}?agent=tester")
        await start_call(page)
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("The microphone is blocked")
        await expect(alert).to_contain_text("Allow the microphone for this page")
        assert await barriers(page) == []
    assert (await client.stats()).calls_created == calls_before


async def test_a_token_that_has_expired_is_explained(
    page: Page, livekit_server: LiveKitServer
) -> None:
    def expire(answer: dict[str, Any]) -> None:
        token = api.AccessToken(livekit_server.api_key, livekit_server.api_secret)
        token = token.with_identity(answer["participantId"]).with_ttl(timedelta(minutes=-5))
        grants = api.VideoGrants(room_join=True, room=answer["roomName"])
        answer["accessToken"] = token.with_grants(grants).to_jwt()
        answer["tokenExpireTime"] = "2026-01-01T00:00:00Z"

    await rewrite_admissions(page, expire)
    await start_call(page)
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("The call's token had expired", timeout=PATIENCE_MS)
