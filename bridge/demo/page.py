"""What does a browser get: the pages, and the seed's REST JSON on top of the gRPC client."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import grpc
from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message

from bridge.client import BridgeCallError, BridgeClient, InvalidArgumentError
from bridge.demo.event_stream import ServerSent, stream_to
from bridge.demo.http_errors import as_response, refusal
from bridge.v1.call_pb2 import CALL_STATE_ENDED
from bridge.v1.call_service_pb2 import (
    CreateRoomRequest,
    EndCallRequest,
    JoinRoomRequest,
    ListAgentsRequest,
    ListAgentsResponse,
)
from bridge.v1.telemetry_service_pb2 import StreamTelemetryRequest

# The page is served to this machine's browser and nobody else.
_HOST: Final = "127.0.0.1"
_LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_MAX_BODY_BYTES: Final = 64 * 1024
_SHUTDOWN_WITHIN_S: Final = 1.0
_NOT_BUILT: Final = "The page is not built: see clients/web. The REST API is at /livekit/."

# What the server itself refuses before a handler sees it.
_CODE_OF: Final = {404: "NOT_FOUND", 405: "UNIMPLEMENTED", 413: "INVALID_ARGUMENT"}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Request = TypeVar("_Request", bound=Message)


class Page:
    """The handlers of one page server."""

    def __init__(self, bridge: BridgeClient, dist: Path | None) -> None:
        self._bridge = bridge
        self._dist = dist if dist is not None and (dist / "index.html").is_file() else None

    def application(self) -> web.Application:
        """Return the server's routes."""
        app = web.Application(
            middlewares=[_errors_as_json, _loopback_only], client_max_size=_MAX_BODY_BYTES
        )
        app.add_routes(
            [
                web.get("/livekit/agents", self._agents),
                web.post("/livekit/create-room", self._create_room),
                web.post("/livekit/join-room", self._join_room),
                web.post("/livekit/end-call", self._end_call),
                web.get("/livekit/connection-status/{id}", self._status),
                web.get("/livekit/stats", self._stats),
                web.get("/livekit/events/{id}", self._events),
                web.get("/livekit/telemetry", self._telemetry),
                web.get("/livekit/telemetry/{id}", self._telemetry),
                web.get("/", self._document),
                web.get("/{document:[a-z]+\\.html}", self._document),
            ]
        )
        if self._dist is not None:
            app.router.add_static("/", self._dist)
        return app

    async def _agents(self, request: web.Request) -> web.Response:
        asked = _query(request, ListAgentsRequest())
        agents = await self._bridge.list_agents(asked.tenant_id)
        return _answer(ListAgentsResponse(agents=agents))

    async def _create_room(self, request: web.Request) -> web.Response:
        return _answer(
            await self._bridge.create_room_from(await _body(request, CreateRoomRequest()))
        )

    async def _join_room(self, request: web.Request) -> web.Response:
        return _answer(await self._bridge.join_room_from(await _body(request, JoinRoomRequest())))

    async def _end_call(self, request: web.Request) -> web.Response:
        body = await _body(request, EndCallRequest())
        return _answer(await self._bridge.end_call(body.connection_id))

    async def _status(self, request: web.Request) -> web.Response:
        return _answer(await self._bridge.status(request.match_info["id"]))

    async def _stats(self, _request: web.Request) -> web.Response:
        return _answer(await self._bridge.stats())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Stream a call's events; a browser that comes back names the last one it has."""
        connection_id = request.match_info["id"]
        seen = _sequence(request.headers.get("Last-Event-ID", ""))
        call = (await self._bridge.status(connection_id)).call
        if call.state == CALL_STATE_ENDED and call.last_sequence <= seen:
            return web.Response(status=204)  # tells the browser not to come back
        async with (
            aclosing(self._bridge.watch(connection_id, seen)) as events,
            aclosing(ServerSent(event, event.sequence) async for event in events) as sent,
        ):
            return await stream_to(request, sent)

    async def _telemetry(self, request: web.Request) -> web.StreamResponse:
        """Stream figures of one call, or of all."""
        asked = _query(request, StreamTelemetryRequest())
        connection_id = request.match_info.get("id", asked.connection_id)
        interval = asked.interval.ToTimedelta() if asked.HasField("interval") else None
        watched = self._bridge.telemetry(
            connection_id, tenant_id=asked.tenant_id, interval=interval
        )
        async with (
            aclosing(watched) as figures,
            aclosing(ServerSent(each) async for each in figures) as sent,
        ):
            return await stream_to(request, sent)

    async def _document(self, request: web.Request) -> web.StreamResponse:
        """Answer with a page; a new version of it must be seen at once."""
        if self._dist is None:
            return web.Response(status=503, text=_NOT_BUILT)
        file = self._dist / request.match_info.get("document", "index.html")
        if not file.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(file, headers={"Cache-Control": "no-cache"})


@asynccontextmanager
async def serve_page(bridge: BridgeClient, dist: Path | None, port: int = 0) -> AsyncIterator[str]:
    """Serve on loopback while entered, and give the page's URL; port 0 takes a free one.

    :raises OSError: the port is taken.
    """
    app = Page(bridge, dist).application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_WITHIN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, port).start()
        yield f"http://{_HOST}:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@web.middleware
async def _loopback_only(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse other names: a foreign site may point its own at 127.0.0.1 (DNS rebinding)."""
    name = request.host if request.host.endswith("]") else request.host.rpartition(":")[0]
    if (name or request.host).lower() not in _LOOPBACK_NAMES:
        return refusal(403, "PERMISSION_DENIED", "HOST_NOT_LOOPBACK", "ask for 127.0.0.1")
    # What is not JSON, another site's form could send without the browser asking us first.
    if request.method == "POST" and request.content_type != "application/json":
        return refusal(415, "INVALID_ARGUMENT", "NOT_JSON", "send application/json")
    return await handler(request)


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except BridgeCallError as error:
        return as_response(error)
    except web.HTTPException as error:
        return refusal(error.status, _CODE_OF.get(error.status, "UNKNOWN"), "", error.reason)


async def _body(request: web.Request, into: _Request) -> _Request:
    """Return the JSON body as a message; an unknown or misshapen field is the asker's mistake."""
    try:
        fields = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise _misshapen(error) from error
    return _parsed(fields, into)


def _query(request: web.Request, into: _Request) -> _Request:
    """Return the query as a message, by the same rules."""
    return _parsed(dict(request.query), into)


def _parsed(fields: object, into: _Request) -> _Request:
    try:
        if not isinstance(fields, dict):
            raise json_format.ParseError("the body is not a JSON object")
        json_format.ParseDict(fields, into)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise _misshapen(error) from error
    return into


def _misshapen(error: Exception) -> InvalidArgumentError:
    return InvalidArgumentError(grpc.StatusCode.INVALID_ARGUMENT, str(error))


def _answer(message: Message) -> web.Response:
    text = json_format.MessageToJson(message, indent=None)
    return web.Response(
        text=text, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _sequence(given: str) -> int:
    return int(given) if given.isascii() and given.isdecimal() else 0
