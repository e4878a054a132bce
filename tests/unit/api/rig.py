"""A real gRPC server on a loopback port, over a host whose world is in memory."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from bridge.access.access import Access
from bridge.api import admin, calls, models, server, telemetry, tools
from bridge.api.guard import Guard
from bridge.errors import WrongState
from bridge.ids import ConnectionId
from bridge.inspection import Inspection
from bridge.ports.agent import AgentCatalogue
from bridge.ports.rpc import RpcObserver
from bridge.tools.servers import ToolServers
from bridge.v1 import (
    admin_service_pb2_grpc,
    call_service_pb2_grpc,
    model_service_pb2_grpc,
    telemetry_service_pb2_grpc,
    tool_service_pb2_grpc,
)
from tests.unit.calls.desk import Desk, desk_over
from tests.unit.calls.rig import World

_DETAILS = "grpc-status-details-bin"
_DISABLED = WrongState("LIVEKIT_DISABLED", "no calls here")


@dataclass(slots=True)
class Api:
    """A server, and stubs that ask it."""

    desk: Desk
    tool_servers: ToolServers
    server: server.ApiServer
    address: str
    channel: grpc.aio.Channel

    @property
    def world(self) -> World:
        return self.desk.world

    @property
    def calls(self) -> Any:
        return call_service_pb2_grpc.CallServiceStub(self.channel)

    @property
    def tools(self) -> Any:
        return tool_service_pb2_grpc.ToolServiceStub(self.channel)

    @property
    def telemetry(self) -> Any:
        return telemetry_service_pb2_grpc.TelemetryServiceStub(self.channel)

    @property
    def admin(self) -> Any:
        return admin_service_pb2_grpc.AdminServiceStub(self.channel)

    @property
    def models(self) -> Any:
        return model_service_pb2_grpc.ModelServiceStub(self.channel)


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def services(
    desk: Desk,
    tool_servers: ToolServers | None = None,
    *,
    livekit: bool = True,
    inspection: Inspection | None = None,
) -> server.Services:
    world = desk.world
    tool_servers = tool_servers or ToolServers(world.clock)
    needing_calls = (f"/{calls.NAME}", f"/{tools.NAME}", f"/{telemetry.NAME}/StreamTelemetry")
    return server.Services(
        telemetry=telemetry.TelemetryService(desk.registry, world.clock, "1.2.3"),
        admin=admin.AdminService(inspection or Inspection(dict, lambda _: None)),
        models=models.ModelService(desk.agents, world.models, "wss://model.test"),
        calls=calls.CallService(desk.reception, desk.registry, desk.erasure) if livekit else None,
        tools=tools.ToolService(tool_servers, world.clock) if livekit else None,
        closed={} if livekit else dict.fromkeys(needing_calls, _DISABLED),
    )


def open_guard(desk: Desk) -> Guard:
    """Return a guard that lets anyone in."""
    return Guard(Access(), desk.world.clock)


@asynccontextmanager
async def serving(
    slots: int = 2,
    *,
    livekit: bool = True,
    agents: AgentCatalogue | None = None,
    guard_for: Callable[[Desk], Guard] = open_guard,
    health: server.Exposure = server.Exposure.OPEN,
    reflection: server.Exposure = server.Exposure.OPEN,
    observer: RpcObserver | None = None,
    begins: Callable[[ConnectionId], None] = lambda _: None,
    inspection: Inspection | None = None,
) -> AsyncIterator[Api]:
    address, world = free_address(), World()
    tool_servers = ToolServers(world.clock)
    async with (
        desk_over(world, slots, agents, begins) as desk,
        server.serve(
            services(desk, tool_servers, livekit=livekit, inspection=inspection),
            server.Listener(address, health=health, reflection=reflection),
            guard_for(desk),
            observer,
        ) as api,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield Api(desk, tool_servers, api, address, channel)


async def refused(asking: Any) -> grpc.aio.AioRpcError:
    """Return how an RPC, or the reading of a stream, was refused."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await asking
    return raised.value


async def end_of(stream: Any) -> grpc.aio.AioRpcError:
    """Read what there still is, and return the error behind it."""

    async def rest() -> None:
        while await stream.read() is not grpc.aio.EOF:
            pass

    return await refused(rest())


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Return what a failed RPC says in its trailers, decoded by hand."""
    (raw,) = [value for key, value in error.trailing_metadata() or () if key == _DETAILS]
    status: status_pb2.Status = status_pb2.Status.FromString(raw)
    return status


def reason_of(error: grpc.aio.AioRpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    assert status_of(error).details[0].Unpack(info)
    assert info.domain == "mediabridge"
    return str(info.reason)


def wrong_fields_of(error: grpc.aio.AioRpcError) -> list[str]:
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in status_of(error).details)
    return [violation.field for violation in bad.field_violations]
