"""A caller in a process of its own: plays the tone, and tells what it has heard when asked."""

import asyncio
import json
import sys
import time

from bridge.room.caller import Caller
from tests.faults.ear import HZ, Ear
from tests.tones import tone


async def _call() -> None:
    url, token = sys.stdin.readline().strip(), sys.stdin.readline().strip()
    ear = Ear()
    async with (
        Caller.join(url, token, on_heard=ear.hear, max_seconds=0) as caller,
        asyncio.TaskGroup() as group,
    ):
        speaking = group.create_task(_speak(caller))
        began_s = time.monotonic()
        # One line asks for what was heard since the last one; the end of them ends the call.
        while await asyncio.to_thread(sys.stdin.readline):
            now_s = time.monotonic()
            share = ear.heard_s(began_s) / (now_s - began_s)
            print(json.dumps([share, ear.longest_silence_s(began_s, now_s)]), flush=True)
            began_s = now_s
        speaking.cancel()


async def _speak(caller: Caller) -> None:
    while True:
        await caller.play(tone(HZ, 1000))


if __name__ == "__main__":
    asyncio.run(_call())
