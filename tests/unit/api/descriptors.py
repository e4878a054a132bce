"""Every message, field and method of the API, as its descriptors tell."""

import importlib
import pkgutil
from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor

import bridge.v1
from bridge.v1 import options_pb2

FILES: tuple[FileDescriptor, ...] = tuple(
    importlib.import_module(f"bridge.v1.{module.name}").DESCRIPTOR
    for module in pkgutil.iter_modules(bridge.v1.__path__)
    if module.name.endswith("_pb2")
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


def path_of(method: MethodDescriptor) -> str:
    """Return the method as it is asked for on the wire."""
    return f"/{method.containing_service.full_name}/{method.name}"


def is_sensitive(field: FieldDescriptor) -> bool:
    return bool(field.GetOptions().Extensions[options_pb2.sensitive])
