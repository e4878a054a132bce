"""An MCP server made with the library itself, as a process of its own.

    python tests/mcp_shop.py http 0     serves on a free port, and says which on its first line
    python tests/mcp_shop.py stdio

Over HTTP it wants the bearer token that is in SHOP_TOKEN.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp.server.mcpserver import Image, MCPServer

TOKEN = "s3cret"  # noqa: S105 - of the test's own server

shop = MCPServer("shop", log_level="CRITICAL")


@shop.tool()
async def find_order(number: int) -> dict[str, Any]:
    """Find an order by its number."""
    return {"number": number, "shipped": True}


@shop.tool()
async def greeting(name: str) -> str:
    return f"Hello {name}"


_hanging: set[object] = set()


@shop.tool()
async def hang() -> str:
    me = object()
    _hanging.add(me)
    try:
        await asyncio.Event().wait()
    finally:
        _hanging.discard(me)
    return "never"


@shop.tool()
async def hanging() -> int:
    return len(_hanging)


@shop.tool()
async def pid() -> int:
    return os.getpid()


@shop.tool()
async def fail() -> str:
    raise RuntimeError("row 7 is locked")


@shop.tool()
async def chatter() -> str:
    return "x" * 70_000


@shop.tool(structured_output=False)
async def picture() -> list[Any]:
    return ["a cat", Image(data=b"\x89PNG", format="png")]


@shop.tool()
async def token() -> str:
    return os.environ.get("SHOP_TOKEN", "")


async def only_with_token(scope: Any, receive: Any, send: Any) -> None:
    """Let nobody in who has no token."""
    wanted = f"Bearer {TOKEN}".encode()
    if scope["type"] == "http" and dict(scope["headers"]).get(b"authorization") != wanted:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await _app(scope, receive, send)


@contextmanager
def running(port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run it over HTTP; yield its process and its port."""
    process = subprocess.Popen(
        [sys.executable, __file__, "http", str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        shop.run("stdio")
    _app = shop.streamable_http_app()
    listening = socket.create_server(("127.0.0.1", int(sys.argv[2])))
    print(listening.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(only_with_token, log_level="critical", lifespan="on"))
    server.run(sockets=[listening])
