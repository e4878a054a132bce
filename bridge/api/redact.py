"""A message as it may be logged: fields marked (bridge.v1.sensitive) show only their length."""

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import Message

from bridge.v1 import options_pb2


def redacted(message: Message) -> dict[str, object]:
    """Return the message's JSON form without what is sensitive, at any depth."""
    clean = type(message)()
    clean.CopyFrom(message)
    _strike(clean)
    try:
        shown: dict[str, object] = MessageToDict(clean, preserving_proto_field_name=True)
    except SerializeToJsonError:  # a Duration or Timestamp that is none: to be refused, but later
        return {"unreadable": text_format.MessageToString(clean, as_one_line=True)}
    return shown


def _strike(message: Message) -> None:
    for field, value in message.ListFields():
        if _is_sensitive(field):
            # Of strings and maps to strings only: tests hold that nothing else is marked.
            if _is_map(field):
                for key in value:
                    value[key] = _length_of(value[key])
            else:
                setattr(message, field.name, _length_of(value))
        elif field.message_type is not None and not _is_map(field):
            for child in value if field.is_repeated else (value,):
                _strike(child)


def _length_of(text: str) -> str:
    return f"[{len(text)} characters]"


def _is_sensitive(field: FieldDescriptor) -> bool:
    return bool(field.GetOptions().Extensions[options_pb2.sensitive])


def _is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and bool(kind.GetOptions().map_entry)
