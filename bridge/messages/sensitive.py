"""What in a message is not for everybody? Finds the fields marked (bridge.v1.sensitive)."""

from collections.abc import Callable
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from bridge.v1 import options_pb2


def replace_sensitive(message: Message, put: Callable[[FieldDescriptor, str], str]) -> None:
    """Put something in the place of every sensitive text in a message, at any depth."""
    touched = _touched(message.DESCRIPTOR)
    for field, value in message.ListFields():
        if field.number not in touched:
            continue
        if is_sensitive(field):
            # Of strings and maps to strings only: tests hold that nothing else is marked.
            if is_map(field):
                for key in value:
                    value[key] = put(field, value[key])
            else:
                setattr(message, field.name, put(field, value))
        else:
            for child in value if field.is_repeated else (value,):
                replace_sensitive(child, put)


@cache
def _touched(kind: Descriptor) -> frozenset[int]:
    """Return the numbers of a message's fields that are sensitive, or hold what is."""
    return frozenset(field.number for field in kind.fields if _holds(field, ()))


def _holds(field: FieldDescriptor, above: tuple[Descriptor, ...]) -> bool:
    kind = field.message_type
    if is_sensitive(field):
        return True
    if kind is None or is_map(field) or kind in above:
        return False
    return any(_holds(one, (*above, kind)) for one in kind.fields)


@cache
def is_sensitive(field: FieldDescriptor) -> bool:
    return bool(field.GetOptions().Extensions[options_pb2.sensitive])


@cache
def is_spoken(field: FieldDescriptor) -> bool:
    """Return whether a sensitive field holds what was said or written in a call."""
    return bool(field.GetOptions().Extensions[options_pb2.spoken])


@cache
def is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and bool(kind.GetOptions().map_entry)
