"""Which gRPC status each refusal is. Nothing else knows status codes."""

from collections.abc import Mapping
from typing import Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from bridge.errors import (
    AlreadyExists,
    Exhausted,
    Forbidden,
    InvalidRequest,
    NotFound,
    OutOfRange,
    Refusal,
    Unauthenticated,
    Unavailable,
    WrongState,
)

DOMAIN: Final = "mediabridge"
DETAILS_KEY: Final = "grpc-status-details-bin"

_CODE_OF: Final[Mapping[type[Refusal], grpc.StatusCode]] = {
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    WrongState: grpc.StatusCode.FAILED_PRECONDITION,
    OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
}


def code_of(refusal: Refusal) -> grpc.StatusCode:
    for kind in type(refusal).__mro__:
        if kind in _CODE_OF:
            return _CODE_OF[kind]
    return grpc.StatusCode.INTERNAL


def details_of(refusal: Refusal) -> bytes:
    """Return the serialized google.rpc.Status that explains the refusal to programs."""
    status = status_pb2.Status(code=code_of(refusal).value[0], message=refusal.message)
    for detail in _details(refusal):
        status.details.add().Pack(detail)
    serialized: bytes = status.SerializeToString()
    return serialized


def _details(refusal: Refusal) -> list[Message]:
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=refusal.metadata)
    ]
    match refusal:
        case InvalidRequest():
            bad = error_details_pb2.BadRequest()
            for violation in refusal.violations:
                bad.field_violations.add(field=violation.field, description=violation.description)
            details.append(bad)
        case Exhausted() | Unavailable():
            delay = Duration()
            delay.FromMilliseconds(int(refusal.retry_after_s * 1000))
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return details
