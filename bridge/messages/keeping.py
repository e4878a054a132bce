"""What of an event may be kept? Its sensitive fields as far as the call's retention goes."""

from dataclasses import replace

from google.protobuf.descriptor import FieldDescriptor

from bridge.messages.convert import incident
from bridge.messages.sensitive import is_spoken, replace_sensitive
from bridge.ports.report import Incident
from bridge.ports.store import LoggedEvent
from bridge.retention import Retention
from bridge.v1 import event_pb2


def kept_event(event: LoggedEvent, retention: Retention) -> LoggedEvent:
    """Return the event without what may not be kept of it; it keeps its place."""
    if retention is Retention.ALL:
        return event

    def keep(field: FieldDescriptor, text: str) -> str:
        needed = Retention.TRANSCRIPT if is_spoken(field) else Retention.ALL
        return text if retention.keeps(needed) else ""

    message = event_pb2.CallEvent.FromString(event.payload)
    replace_sensitive(message, keep)
    payload = message.SerializeToString()
    return event if payload == event.payload else replace(event, payload=payload)


def with_incident(event: LoggedEvent, of: Incident) -> LoggedEvent:
    """Return a call's last event with one more incident in the report that it carries."""
    message = event_pb2.CallEvent.FromString(event.payload)
    message.ended.report.incidents.append(incident(of))
    return replace(event, payload=message.SerializeToString())
