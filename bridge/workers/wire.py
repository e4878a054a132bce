"""How do the processes of one server reach each other? gRPC over Unix sockets, loopback only."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import grpc

# A report of a long call, as JSON, is the largest thing that crosses.
_MAX_BYTES: Final = 64 * 1024 * 1024

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_BYTES),
    ("grpc.max_send_message_length", _MAX_BYTES),
    # A socket's file is there or not: waiting longer between tries helps nobody.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
)


def channel(socket: Path) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"unix:{socket}", options=_OPTIONS)


@asynccontextmanager
async def serving(socket: Path, *add: Callable[[grpc.aio.Server], None]) -> AsyncIterator[None]:
    """Serve on a socket for as long as the context lasts."""
    server = grpc.aio.server(options=_OPTIONS)
    for add_service in add:
        add_service(server)
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)
