"""Every message, field and method of the API, as its descriptors tell."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor

from bridge.v1 import (
    agent_pb2,
    call_pb2,
    call_service_pb2,
    event_pb2,
    model_service_pb2,
    options_pb2,
    report_pb2,
    telemetry_pb2,
    telemetry_service_pb2,
    tool_service_pb2,
)

FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        *(agent_pb2, call_pb2, call_service_pb2, event_pb2, model_service_pb2),
        *(report_pb2, telemetry_pb2, telemetry_service_pb2, tool_service_pb2),
    )
)


def messages() -> Iterator[Descriptor]:
    for file in FILES:
        yield from file.message_types_by_name.values()


def fields() -> Iterator[FieldDescriptor]:
    for message in messages():
        yield from message.fields


def methods() -> Iterator[MethodDescriptor]:
    for file in FILES:
        for service in file.services_by_name.values():
            yield from service.methods


def is_sensitive(field: FieldDescriptor) -> bool:
    return bool(field.GetOptions().Extensions[options_pb2.sensitive])
