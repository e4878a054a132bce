"""What does an event look like in a webhook? The same JSON as gateways get of it."""

from dataclasses import dataclass, field
from typing import Final

import orjson
from google.protobuf.json_format import MessageToDict

from bridge.v1 import event_pb2

EVENT_KINDS: Final = frozenset(
    one.name for one in event_pb2.CallEvent.DESCRIPTOR.oneofs_by_name["kind"].fields
)


@dataclass(frozen=True, slots=True)
class EventJson:
    """An event, ready to be sent."""

    kind: str
    at_s: float
    """When it happened, since 1970."""
    body: bytes = field(repr=False)


def kind_of(payload: bytes) -> str:
    """Return what kind an event is of; empty: of a newer release's."""
    return event_pb2.CallEvent.FromString(payload).WhichOneof("kind") or ""


def event_json(payload: bytes) -> EventJson:
    """Return the proto JSON form of an event as logs keep it."""
    event = event_pb2.CallEvent.FromString(payload)
    return EventJson(
        event.WhichOneof("kind") or "",
        event.time.ToNanoseconds() / 1e9,
        orjson.dumps(MessageToDict(event)),
    )
