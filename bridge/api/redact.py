"""A message as it may be logged: fields marked (bridge.v1.sensitive) show only their length."""

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import Message

from bridge.messages.sensitive import replace_sensitive


def redacted(message: Message) -> dict[str, object]:
    """Return the message's JSON form without what is sensitive, at any depth."""
    clean = type(message)()
    clean.CopyFrom(message)
    replace_sensitive(clean, _length_of)
    try:
        shown: dict[str, object] = MessageToDict(clean, preserving_proto_field_name=True)
    except SerializeToJsonError:  # a Duration or Timestamp that is none: to be refused, but later
        return {"unreadable": text_format.MessageToString(clean, as_one_line=True)}
    return shown


def _length_of(_field: FieldDescriptor, text: str) -> str:
    return f"[{len(text)} characters]"
