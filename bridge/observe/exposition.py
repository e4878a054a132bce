"""Where does Prometheus read? From a listener of its own, which answers nothing but that."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from bridge.errors import BridgeError
from bridge.http_listener import answering

PATH: Final = "/metrics"


class MetricsListenError(BridgeError):
    """The address for metrics cannot be listened on."""


@asynccontextmanager
async def exposing(
    address: str, registry: CollectorRegistry, refresh: Callable[[], None]
) -> AsyncIterator[None]:
    """Answer GET /metrics for as long as the context lasts.

    `refresh` is called before each answer, on the loop; the answer itself is written in a thread.

    :raises MetricsListenError: the address is taken, or none of this machine's.
    """

    async def metrics(request: web.Request) -> web.Response:
        refresh()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body: bytes = await asyncio.to_thread(encode, registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get(PATH, metrics)
    async with answering(
        app, address, MetricsListenError(f"cannot listen on {address} for metrics")
    ):
        yield
