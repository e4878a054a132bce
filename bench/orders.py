"""How is a bot's process told what to do? Lines on a port: `join`, `leave`, `quit`.

Standard library only: bots of other environments use it, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

Join = Callable[[str, str, str], Awaitable[Callable[[], Awaitable[None]]]]
"""Sends a bot into a call, by its name, URL and token; returns what has it leave."""


async def take_orders(port: int, join: Join) -> None:
    """Send bots into calls and have them leave, until told to quit."""
    leaving: dict[str, Callable[[], Awaitable[None]]] = {}
    quitting = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := (await reader.readline()).decode().split():
            match line:
                case ["join", call, url, token]:
                    leaving[call] = await join(call, url, token)
                case ["leave", call]:
                    await leaving.pop(call)()
                case ["quit"]:
                    quitting.set()
            writer.write(b"done\n")
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(take, "127.0.0.1", port):
        await quitting.wait()
