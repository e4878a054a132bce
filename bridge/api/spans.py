"""Spans of time in requests: seconds within a range, or a violation."""

from google.protobuf.message import Message

from bridge.api.violations import Violations
from bridge.messages import times


def span(
    message: Message,
    name: str,
    least_s: float,
    most_s: float,
    wrong: Violations,
    *,
    prefix: str = "",
) -> float | None:
    """Return seconds; None where it is not given, or wrong."""
    if not message.HasField(name):
        return None
    span_s = times.seconds(getattr(message, name))
    if not least_s <= span_s <= most_s:
        wrong.add(f"{prefix}{name}", f"must be {least_s:g} s to {most_s:g} s")
        return None
    return span_s
