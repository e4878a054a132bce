"""What in a message is not for everybody? Finds the fields marked (bridge.v1.sensitive)."""

from collections.abc import Callable

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from bridge.v1 import options_pb2


def replace_sensitive(message: Message, put: Callable[[FieldDescriptor, str], str]) -> None:
    """Put something in the place of every sensitive text in a message, at any depth."""
    for field, value in message.ListFields():
        if is_sensitive(field):
            # Of strings and maps to strings only: tests hold that nothing else is marked.
            if is_map(field):
                for key in value:
                    value[key] = put(field, value[key])
            else:
                setattr(message, field.name, put(field, value))
        elif field.message_type is not None and not is_map(field):
            for child in value if field.is_repeated else (value,):
                replace_sensitive(child, put)


def is_sensitive(field: FieldDescriptor) -> bool:
    return bool(field.GetOptions().Extensions[options_pb2.sensitive])


def is_spoken(field: FieldDescriptor) -> bool:
    """Return whether a sensitive field holds what was said or written in a call."""
    return bool(field.GetOptions().Extensions[options_pb2.spoken])


def is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and bool(kind.GetOptions().map_entry)
