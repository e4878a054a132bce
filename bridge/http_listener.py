"""How does a listener of its own for HTTP begin, and end?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from bridge.addresses import host_and_port
from bridge.errors import BridgeError


@asynccontextmanager
async def answering(
    app: web.Application, address: str, unusable: BridgeError
) -> AsyncIterator[None]:
    """Serve `app` at `host:port` for as long as the context lasts.

    :raises BridgeError: `unusable`, where the address is taken, or none of this machine's.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        host, port = host_and_port(address)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise unusable from error
        yield
    finally:
        await runner.cleanup()
