"""Instants and spans, between the API's messages and ours."""

from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_NANOS_PER_S = 1_000_000_000


def timestamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    message = Timestamp()
    message.FromDatetime(at)
    return message


def duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    message = Duration()
    message.FromNanoseconds(round(seconds * _NANOS_PER_S))
    return message


def duration_of_ms(milliseconds: float) -> Duration:
    message = Duration()
    message.FromMicroseconds(round(milliseconds * 1000))
    return message


def seconds(message: Duration) -> float:
    """Return the span, of any sign and size; ranges are the caller's to check."""
    return message.seconds + message.nanos / _NANOS_PER_S
