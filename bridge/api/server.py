"""The gRPC server: its services, limits, health and reflection."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final

import grpc
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from bridge.api import admin, calls, models, reflection, telemetry, tools
from bridge.api.guard import Guard
from bridge.api.interceptor import Edge
from bridge.errors import BridgeError, Refusal
from bridge.ports.rpc import RpcObserver
from bridge.v1 import (
    admin_service_pb2_grpc,
    call_service_pb2_grpc,
    model_service_pb2_grpc,
    telemetry_service_pb2_grpc,
    tool_service_pb2_grpc,
)

_KIB: Final = 1024

# The largest request is CreateRoom with a prompt of 32,768 characters, four bytes each.
_MAX_REQUEST_BYTES: Final = 256 * _KIB
# The largest response is a report with 1,000 turns of text, or a page of 1,000 calls.
_MAX_RESPONSE_BYTES: Final = 8192 * _KIB

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_REQUEST_BYTES),
    ("grpc.max_send_message_length", _MAX_RESPONSE_BYTES),
    ("grpc.max_metadata_size", 16 * _KIB),
    ("grpc.max_concurrent_streams", 1000),
    # A second server on the same port must fail, not take half of the first one's connections.
    ("grpc.so_reuseport", 0),
    # Watches are silent for minutes: ping, so that a dead gateway's streams are given back ...
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # ... and let gateways ping as often, where grpc's own default would cut them off.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)

_STOP_GRACE_S: Final = 5.0

SERVICES: Final = (calls.NAME, telemetry.NAME, models.NAME, tools.NAME, admin.NAME)


class Exposure(Enum):
    """Who gets to see a service that is not ours: health, reflection."""

    OPEN = "open"
    """Anyone."""
    AUTHENTICATED = "authenticated"
    """Whoever shows good credentials."""
    CLOSED = "closed"
    """Nobody: it is not there."""


class ListenError(BridgeError):
    """The address cannot be listened on."""


@dataclass(frozen=True, slots=True)
class Services:
    """What is served. Without `calls` and `tools`, these services only refuse."""

    telemetry: telemetry.TelemetryService
    models: models.ModelService
    admin: admin.AdminService
    calls: calls.CallService | None
    tools: tools.ToolService | None
    closed: Mapping[str, Refusal]


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen, and what is shown there beside our own services."""

    address: str
    """host:port, or unix:path."""
    credentials: grpc.ServerCredentials | None = None
    """None: in the clear."""
    health: Exposure = Exposure.OPEN
    reflection: Exposure = Exposure.OPEN

    def open_to_all(self) -> list[str]:
        exposures = {
            health.SERVICE_NAME: self.health,
            reflection.SERVICE_NAME: self.reflection,
        }
        return [name for name, exposure in exposures.items() if exposure is Exposure.OPEN]


class ApiServer:
    """A running server."""

    def __init__(self, server: grpc.aio.Server, checks: health.aio.HealthServicer) -> None:
        self._server = server
        self._checks = checks

    async def set_serving(self, services: Sequence[str], *, serving: bool) -> None:
        """Tell health checks of these services, and of the whole ("")."""
        status = health_pb2.HealthCheckResponse
        state = status.SERVING if serving else status.NOT_SERVING
        for name in ("", *services):
            await self._checks.set(name, state)

    async def set_part(self, name: str, *, serving: bool) -> None:
        """Tell health checks of a part that the whole does without for a while."""
        status = health_pb2.HealthCheckResponse
        await self._checks.set(name, status.SERVING if serving else status.NOT_SERVING)


@asynccontextmanager
async def serve(
    services: Services, listener: Listener, guard: Guard, observer: RpcObserver | None = None
) -> AsyncIterator[ApiServer]:
    """Listen for as long as the context lasts, and let in whom the guard lets in.

    :raises ListenError: the address is taken, or none of this machine's.
    """
    edge = Edge(guard, services.closed, listener.open_to_all(), observer)
    server = grpc.aio.server(interceptors=[edge], options=_OPTIONS)
    if services.calls is not None:
        call_service_pb2_grpc.add_CallServiceServicer_to_server(services.calls, server)
    if services.tools is not None:
        tool_service_pb2_grpc.add_ToolServiceServicer_to_server(services.tools, server)
    telemetry_service_pb2_grpc.add_TelemetryServiceServicer_to_server(services.telemetry, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(services.models, server)
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(services.admin, server)
    channelz.add_channelz_servicer(server)
    checks = health.aio.HealthServicer()
    if listener.health is not Exposure.CLOSED:
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    if listener.reflection is not Exposure.CLOSED:
        reflection.enable(SERVICES, server)
    try:
        if listener.credentials is None:
            server.add_insecure_port(listener.address)
        else:
            server.add_secure_port(listener.address, listener.credentials)
        await server.start()
    except RuntimeError as error:
        raise ListenError(f"cannot listen on {listener.address}") from error
    api = ApiServer(server, checks)
    closed = [name for name in SERVICES if f"/{name}" in services.closed]
    await api.set_serving(closed, serving=False)
    # Last, since it speaks for the whole, too.
    await api.set_serving([name for name in SERVICES if name not in closed], serving=True)
    try:
        yield api
    finally:
        await api.set_serving(SERVICES, serving=False)
        await server.stop(_STOP_GRACE_S)
