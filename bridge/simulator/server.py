"""The simulator as a server: its routes, its sessions, and how it starts and stops."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from types import TracebackType
from typing import Any, Final, Self

import orjson
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from bridge.logs import get_logger
from bridge.simulator.config import SessionConfig
from bridge.simulator.faults import FaultPlan, Faults
from bridge.simulator.keys import Keys, Minted
from bridge.simulator.outlet import Outlet
from bridge.simulator.schema import check_secret
from bridge.simulator.session import Session
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.totals import Totals
from bridge.simulator.wire import JsonObject, Refusal, new_id

_DEFAULT_MODEL: Final = "gpt-realtime"
_SECRET_SECONDS: Final = 600
# The service takes 15 MiB of audio in one event, in base64.
_LARGEST_FRAME_BYTES: Final = 24 * 1024 * 1024
# A client that does not answer a close frame must not hold the simulator up.
_CLOSING_S: Final = 1.0
_GOING_AWAY: Final = 1001
_FAULTS: Final = TypeAdapter(Faults)

# What the service calls the statuses that a fault may refuse a connection with.
_REFUSALS: Final = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached."),
}
_SERVER_ERROR: Final = ("server_error", "server_error", "The server had an error.")

_log = get_logger(__name__)


class _Over(Exception):
    """The client has gone."""


class Simulator:
    """A Realtime server: entered it listens, left it is gone with all its sessions."""

    def __init__(self, settings: SimulatorSettings | None = None) -> None:
        self._settings = settings or SimulatorSettings()
        self._behaviour = self._settings.make_behaviour()
        self._keys = Keys(self._settings.accepted_keys, time.time)
        self._sessions: set[Session] = set()
        self._plan = FaultPlan(self._settings.faults, time.monotonic)
        self._opened = AsyncExitStack()
        self._port = self._settings.port
        self.totals = Totals()
        """What was seen since the start."""

    @property
    def url(self) -> str:
        """The base URL to give an OpenAI client."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"http://{host}:{self._port}/v1"

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions that are open now."""
        return tuple(self._sessions)

    @property
    def faults(self) -> Faults:
        """The faults in force; assign others to re-arm every session."""
        return self._plan.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._plan.replace(faults)

    async def __aenter__(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        address = (self._settings.host, self._settings.port)
        async with AsyncExitStack() as opened:
            listener = socket.create_server(address, family=family)
            opened.callback(listener.close)
            runner = web.AppRunner(
                self._application(),
                handle_signals=False,
                access_log=None,
                shutdown_timeout=_CLOSING_S,
            )
            opened.push_async_callback(runner.cleanup)
            await runner.setup()
            await web.SockSite(runner, listener).start()
            self._port = listener.getsockname()[1]
            self._opened = opened.pop_all()
        _log.info("simulator listening", url=self.url)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every session with 1001, and cut those that do not answer."""
        try:
            await asyncio.gather(*(_close(session) for session in self._sessions))
        finally:
            await self._opened.aclose()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST_FRAME_BYTES)
        application.add_routes(
            [
                web.get("/v1/realtime", self._connect),
                web.post("/v1/realtime/client_secrets", self._mint),
                web.get("/_simulator/state", self._show_state),
                web.get("/_simulator/faults", self._show_faults),
                web.post("/_simulator/faults", self._change_faults),
                web.delete("/_simulator/faults", self._clear_faults),
            ]
        )
        return application

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if status := self._plan.refusal():
            return _refused(status)
        try:
            secret = self._keys.check(request.headers.get("Authorization"))
        except Refusal as refusal:
            return _json({"error": refusal.body()}, 401)
        connection = web.WebSocketResponse(
            autoping=False,
            compress=False,
            decode_text=False,
            max_msg_size=_LARGEST_FRAME_BYTES,
            timeout=_CLOSING_S,
        )
        await connection.prepare(request)
        config = self._config(request.query.get("model"), secret)
        async with self._session(config, Outlet(connection, request)) as session:
            await session.converse(connection)
        return connection

    @asynccontextmanager
    async def _session(self, config: SessionConfig, outlet: Outlet) -> AsyncIterator[Session]:
        """Open a session, and on leaving end every task that it started."""
        self.totals.sessions_opened += 1
        session: Session | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                session = Session(
                    config,
                    outlet,
                    tasks,
                    settings=self._settings,
                    behaviour=self._behaviour,
                    faults=self._plan,
                    totals=self.totals,
                )
                self._sessions.add(session)
                yield session
                raise _Over
        except* _Over:
            pass
        finally:
            self.totals.sessions_closed += 1
            if session:
                self._sessions.discard(session)

    def _config(self, model: str | None, secret: Minted | None) -> SessionConfig:
        expires_at = int(time.time() + self._settings.max_session_s)
        config = SessionConfig(new_id("sess"), model or _DEFAULT_MODEL, expires_at)
        if secret:
            config.update(secret.session)
        return config

    async def _mint(self, request: web.Request) -> web.Response:
        try:
            self._keys.check(request.headers.get("Authorization"))
        except Refusal as refusal:
            return _json({"error": refusal.body()}, 401)
        try:
            wish = check_secret(await _body(request))
        except Refusal as refusal:
            return _json({"error": refusal.body()}, 400)
        session = wish.get("session", {"type": "realtime"})
        seconds = wish.get("expires_after", {}).get("seconds", _SECRET_SECONDS)
        secret = self._keys.mint(session, seconds)
        shown = self._config(session.get("model"), secret).public()
        return _json(
            {"value": secret.value, "expires_at": int(secret.expires_at), "session": shown}
        )

    async def _show_state(self, _request: web.Request) -> web.Response:
        return _json(self.totals.public())

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return _json(asdict(self.faults))

    async def _change_faults(self, request: web.Request) -> web.Response:
        """Replace the fields that the body names; the others stay."""
        try:
            self.faults = _changed(self.faults, await _body(request))
        except Refusal as refusal:
            return _json({"error": refusal.body()}, 400)
        return _json(asdict(self.faults))

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self.faults = Faults()
        return _json(asdict(self.faults))


async def serve(settings: SimulatorSettings) -> None:
    """Run a simulator until cancelled. Raises OSError when the port is taken."""
    async with Simulator(settings):
        await asyncio.get_running_loop().create_future()


async def _close(session: Session) -> None:
    try:
        async with asyncio.timeout(_CLOSING_S):
            await session.outlet.close(_GOING_AWAY)
    except TimeoutError:
        session.outlet.abort()


def _changed(faults: Faults, patch: JsonObject) -> Faults:
    """Return `faults` with what `patch` names. Raises Refusal naming the first bad field."""
    fields = asdict(faults)
    if unknown := sorted(patch.keys() - fields.keys()):
        name = unknown[0]
        raise Refusal(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    try:
        return _FAULTS.validate_python({**fields, **patch})
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        param = str(first["loc"][0]) if first["loc"] else None
        raise Refusal(first["msg"], code="invalid_value", param=param) from invalid


async def _body(request: web.Request) -> JsonObject:
    """Return the JSON object that was posted, {} for nothing. Raises Refusal for anything else."""
    raw = await request.read()
    try:
        body = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as invalid:
        raise Refusal("The body is not JSON.", code="invalid_json") from invalid
    if not isinstance(body, dict):
        raise Refusal("The body is not a JSON object.", code="invalid_json")
    return body


def _refused(status: int) -> web.Response:
    kind, code, message = _REFUSALS.get(status, _SERVER_ERROR)
    return _json({"error": Refusal(message, code=code, kind=kind).body()}, status)


def _json(body: Any, status: int = 200) -> web.Response:  # noqa: ANN401 - whatever orjson takes
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
