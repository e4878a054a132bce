"""What tests see and do on the web pages, in a real Chromium."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, async_playwright

from bridge.demo.web import SOURCE

PATIENCE_MS: Final = 45_000
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
_AXE: Final = SOURCE / "node_modules" / "axe-core" / "axe.min.js"
# WCAG 2.2, level AA, and what axe-core's authors advise beyond it.
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]


@asynccontextmanager
async def launched(chromium: str, microphone: Path, *flags: str) -> AsyncIterator[Browser]:
    """Run a browser whose microphone plays a file over and over, and is granted unasked."""
    plays = f"--use-file-for-fake-audio-capture={microphone}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=[*_BROWSER_FLAGS, plays, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()


async def until(page: Page, condition: str) -> None:
    """Wait for a condition; the page's own security policy forbids Playwright's way to wait."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not await page.evaluate(condition):
            await asyncio.sleep(0.05)


async def start_call(page: Page, name: str = "Ada") -> None:
    await page.get_by_label("Your name").fill(name)
    await page.locator("#start:enabled").click()


async def hears_the_answer(page: Page) -> None:
    """Wait until the agent answers the microphone's 440 Hz."""
    await until(page, "Math.abs(window.mediabridge.dominantAgentFrequencyHz() - 880) < 10")


async def barriers(page: Page) -> list[str]:
    """Return what keeps people out who cannot see well or point, as axe-core finds it: in light, in
    dark, and on a phone's width."""
    found = []
    for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light")):
        await page.set_viewport_size({"width": width, "height": 800})
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        # Loaded by the debugger, which the page's security policy does not bind.
        await page.evaluate(f"window.axe || (() => {{ {_axe()} }})()")
        answer = await page.evaluate(f"axe.run({{runOnly: {json.dumps(_RULES)}}})")
        for violation in answer["violations"]:
            where = [node["target"] for node in violation["nodes"]]
            found.append(f"{scheme} {width}: {violation['id']}: {violation['help']}: {where}")
        overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if overflow > 0:
            found.append(f"{width}: the page is {overflow} px too wide")
    return found


@cache
def _axe() -> str:
    return _AXE.read_text()
