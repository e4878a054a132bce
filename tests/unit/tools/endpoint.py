"""An HTTP server on loopback, and names that stand for what a test says."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Endpoint:
    """One HTTP server, which answers as the test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Answer | None = None
        self.port = 0

    def says(self, status: int = 200, **response: Any) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, **response)

        self.answer = answer

    async def on_request(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.method, request.path_qs, dict(request.headers), body))
        assert self.answer is not None
        return await self.answer(request)

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/orders"


class Names:
    """What names stand for: at each look-up the next of their answers, and the last for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.looked_up: list[str] = []

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        await asyncio.sleep(0)
        self.looked_up.append(host)
        answers = self.answers[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]
