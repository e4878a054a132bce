"""What each RPC asks of whoever calls it: the one table. An RPC that is not in it is an admin's."""

from collections.abc import Mapping
from typing import Final

from bridge.access.principal import Scope

# None: whoever has shown good credentials.
SCOPE_OF: Final[Mapping[str, Scope | None]] = {
    "/bridge.v1.CallService/CreateRoom": Scope.CALLS_CREATE,
    "/bridge.v1.CallService/JoinRoom": Scope.CALLS_CREATE,
    "/bridge.v1.CallService/EndCall": Scope.CALLS_CONTROL,
    "/bridge.v1.CallService/ControlCall": Scope.CALLS_CONTROL,
    "/bridge.v1.CallService/GetConnectionStatus": Scope.CALLS_READ,
    "/bridge.v1.CallService/ListCalls": Scope.CALLS_READ,
    "/bridge.v1.CallService/ListAgents": Scope.CALLS_CREATE,
    "/bridge.v1.CallService/GetCallReport": Scope.CALLS_READ,
    "/bridge.v1.CallService/WatchEvents": Scope.CALLS_READ,
    # Whoever may end calls need not be trusted to leave no trace of them.
    "/bridge.v1.CallService/DeleteCallData": Scope.CALLS_DELETE,
    "/bridge.v1.TelemetryService/StreamTelemetry": Scope.TELEMETRY_READ,
    "/bridge.v1.TelemetryService/GetStats": Scope.TELEMETRY_READ,
    # It spends the provider's money as a call does.
    "/bridge.v1.ModelService/CreateModelToken": Scope.CALLS_CREATE,
    "/bridge.v1.ToolService/ServeTools": Scope.TOOLS_SERVE,
    "/bridge.v1.AdminService/SetLogLevel": Scope.ADMIN,
    "/bridge.v1.AdminService/DumpTasks": Scope.ADMIN,
    # Peers' addresses, and how busy their connections are.
    "/grpc.channelz.v1.Channelz/GetTopChannels": Scope.ADMIN,
    "/grpc.channelz.v1.Channelz/GetServers": Scope.ADMIN,
    "/grpc.channelz.v1.Channelz/GetServer": Scope.ADMIN,
    "/grpc.channelz.v1.Channelz/GetServerSockets": Scope.ADMIN,
    "/grpc.channelz.v1.Channelz/GetChannel": Scope.ADMIN,
    "/grpc.channelz.v1.Channelz/GetSubchannel": Scope.ADMIN,
    "/grpc.channelz.v1.Channelz/GetSocket": Scope.ADMIN,
    "/grpc.health.v1.Health/Check": None,
    "/grpc.health.v1.Health/List": None,
    "/grpc.health.v1.Health/Watch": None,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": None,
}


def scope_of(method: str) -> Scope | None:
    return SCOPE_OF.get(method, Scope.ADMIN)
