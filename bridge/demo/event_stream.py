"""How does a browser get what goes on: as server-sent events, with a heartbeat."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message

from bridge.client import BridgeCallError

# Writing is the only way to notice that a browser is gone; proxies cut silent streams.
_HEARTBEAT_S: Final = 15.0
# A refusal comes within a round trip, and is then still an HTTP status.
_REFUSED_WITHIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ServerSent:
    """One event."""

    body: Message
    sequence: int = 0
    """What a browser that comes back names as the last one it has; 0: nothing."""

    def encoded(self) -> bytes:
        number = f"id: {self.sequence}\n" if self.sequence else ""
        text = json_format.MessageToJson(self.body, indent=None)
        return f"{number}data: {text}\n\n".encode()


async def stream_to(request: web.Request, events: AsyncIterator[ServerSent]) -> web.StreamResponse:
    """Answer with events as they come, until there are no more; with 204 if there are none.

    One that breaks ends the answer: the browser comes back by itself.

    :raises BridgeCallError: the bridge refuses at once.
    """
    next_event = functools.partial(anext, events, None)
    coming = asyncio.ensure_future(next_event())
    try:
        await asyncio.wait({coming}, timeout=_REFUSED_WITHIN_S)
        if coming.done() and coming.result() is None:
            return web.Response(status=204)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        with suppress(BridgeCallError, ConnectionError):
            while True:
                await asyncio.wait({coming}, timeout=_HEARTBEAT_S)
                if not coming.done():
                    await response.write(b": still here\n\n")
                    continue
                event = coming.result()
                if event is None:
                    break
                await response.write(event.encoded())
                coming = asyncio.ensure_future(next_event())
        return response
    finally:
        coming.cancel()
        await asyncio.wait({coming})
