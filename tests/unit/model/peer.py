"""A server that speaks just enough of the Realtime protocol to break it in one chosen way."""

import asyncio
import http
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from bridge.model.service import RealtimeModels
from bridge.model.settings import RealtimeSettings
from bridge.ports.model_config import ModelConfig
from tests.unit.model.payloads import SESSION, Payload, event

KEY = "sk-only-for-tests"
CONFIG = ModelConfig(model="gpt-realtime-2.1", instructions="Be brief.", voice="marin")

# Every deadline of a test that should never pass in one that succeeds.
PATIENCE_S = 5.0


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection

    async def send(self, payload: Payload | bytes) -> None:
        if isinstance(payload, bytes):
            await self.connection.send(payload)
        else:
            await self.connection.send(orjson.dumps(payload).decode())

    async def receive(self, kind: str) -> Any:
        """Return the next client event, which must be a `kind` in a text frame."""
        frame = await self.connection.recv()
        assert isinstance(frame, str)
        payload = orjson.loads(frame)
        assert payload["type"] == kind
        return payload

    async def accept(self, **session: Any) -> Any:
        """Open the session as the provider does; return the session.update."""
        await self.send(event("session.created", session=SESSION | session))
        update = await self.receive("session.update")
        await self.send(event("session.updated", session=SESSION | session))
        return update

    async def until_gone(self) -> None:
        await self.connection.wait_closed()

    def freeze(self) -> None:
        """Read nothing more: what a vanished peer looks like, before TCP notices."""
        self.connection.transport.pause_reading()


Script = Callable[[Peer], Awaitable[None]]
Refusal = Callable[[Request], Response | None]


def refuse(status: int, code: str | None = None) -> Refusal:
    """Return what makes a server refuse the upgrade with `status`, and an error body."""
    body = orjson.dumps({"error": {"code": code, "message": f"Key {KEY} is wrong."}})

    def process(_: Request) -> Response:
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
        return Response(status, http.HTTPStatus(status).phrase, headers, body)

    return process


@asynccontextmanager
async def serving(script: Script, refusal: Refusal | None = None) -> AsyncIterator[str]:
    """Run `script` for each connection; yield the base URL. Its failure fails the test."""
    failures: list[BaseException] = []

    async def handle(connection: ServerConnection) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await script(Peer(connection))
        except Exception as error:
            failures.append(error)
            raise

    def process(_: ServerConnection, request: Request) -> Response | None:
        return refusal(request) if refusal else None

    async with serve(handle, "127.0.0.1", 0, process_request=process, close_timeout=0.1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1"
    if failures:
        raise failures[0]


def models(url: str, **settings: Any) -> RealtimeModels:
    return RealtimeModels(KEY, url, RealtimeSettings(**settings))
