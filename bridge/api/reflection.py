"""What clients without the .proto files are told of the API."""

from collections.abc import Sequence
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_channelz.v1 import channelz_pb2
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from bridge.v1 import (
    admin_service_pb2,
    call_service_pb2,
    model_service_pb2,
    telemetry_service_pb2,
    tool_service_pb2,
)

SERVICE_NAME: Final = reflection.SERVICE_NAME
_CHANNELZ: Final = channelz_pb2.DESCRIPTOR.services_by_name["Channelz"].full_name


def enable(services: Sequence[str], server: grpc.aio.Server) -> None:
    """Serve the descriptors of these services, of health, channelz and reflection itself."""
    names = (*services, _CHANNELZ, health.SERVICE_NAME, SERVICE_NAME)
    reflection.enable_server_reflection(names, server, pool=_FindsMethods(_pool()))


class _FindsMethods:
    """A descriptor pool that finds methods, too: Python's own finds only what holds them."""

    def __init__(self, pool: descriptor_pool.DescriptorPool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the pool has
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the pool's
        """
        :raises KeyError: no such symbol.
        """
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file


def _pool() -> descriptor_pool.DescriptorPool:
    """Return our files with every field's JSON name written out.

    Generated Python code leaves out names that follow from the field's, and grpcurl then shows
    connection_id where every other JSON form of the API has connectionId.
    """
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()
    for module in (
        admin_service_pb2,
        call_service_pb2,
        telemetry_service_pb2,
        model_service_pb2,
        tool_service_pb2,
        channelz_pb2,
        health_pb2,
        reflection_pb2,
    ):
        _add(module.DESCRIPTOR, pool, added)
    return pool


def _add(file: FileDescriptor, pool: descriptor_pool.DescriptorPool, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _add(dependency, pool, added)
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        _write_json_names(message)
    pool.Add(proto)


def _write_json_names(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        if not field.json_name:
            head, *rest = field.name.split("_")
            field.json_name = head + "".join(word[:1].upper() + word[1:] for word in rest)
    for nested in message.nested_type:
        _write_json_names(nested)
