"""A caller in a process of its own, so that a test can kill it: url and token on standard input."""

import asyncio
import sys

from bridge.room.caller import Caller
from tests.tones import tone

_SECONDS = 60


async def main() -> None:
    url, token = (sys.stdin.readline().strip() for _ in range(2))
    async with Caller.join(url, token) as caller:
        await caller.wait_for_agent_track()
        print("joined", flush=True)
        await caller.play(tone(440, _SECONDS * 1000, amplitude=1))


if __name__ == "__main__":
    asyncio.run(main())
