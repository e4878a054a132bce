"""How does a refusal get from a worker to its front? As what it was."""

from typing import Final

from bridge import errors
from bridge.errors import Exhausted, Refusal, Unavailable
from bridge.workers.v1 import workers_service_pb2 as pb

# What a host can answer to a call that it is to start.
_RETRYABLE: Final = {kind.__name__: kind for kind in (Exhausted, Unavailable)}


def to_message(refusal: Refusal) -> pb.Refusal:
    message = pb.Refusal(
        kind=type(refusal).__name__,
        reason=refusal.reason,
        message=refusal.message,
        metadata=refusal.metadata,
    )
    if isinstance(refusal, Exhausted | Unavailable):
        message.retry_after.FromMicroseconds(round(refusal.retry_after_s * 1e6))
    return message


def from_message(message: pb.Refusal) -> Refusal:
    metadata = dict(message.metadata)
    if (kind := _RETRYABLE.get(message.kind)) is not None:
        retry_after_s = message.retry_after.ToMicroseconds() / 1e6
        return kind(message.reason, message.message, retry_after_s, metadata)
    plain: type[Refusal] = getattr(errors, message.kind)
    return plain(message.reason, message.message, metadata)
