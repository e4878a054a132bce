"""What does the server's refusal mean: one exception class for each status a program can act on.

BridgeCallError                     any refusal or failure; `code` and `reason` say which
├── InvalidArgumentError            a field is wrong; `violations` names it
├── NotFoundError                   no such call, agent or room
├── AlreadyExistsError              the request id or the room's name belongs to something else
├── FailedPreconditionError         right request, wrong moment
├── OutOfRangeError                 the events asked for are no longer kept
├── ResourceExhaustedError          a limit is reached; try again after `retry_after`
├── UnavailableError                no answer, or the server is leaving; as above
├── DeadlineExceededError           no answer in time
├── UnauthenticatedError            no API key, or a wrong one
└── PermissionDeniedError           this API key may not do that
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

# What a stream's key has expired with, or been revoked, in the middle of it.
_LAPSED: Final = "CREDENTIALS_LAPSED"
_DETAILS_KEY: Final = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field: its path in proto names, and what is wrong with it."""

    field: str
    description: str


@dataclass(slots=True)
class _Details:
    """What google.rpc says beyond the status."""

    reason: str = ""
    domain: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[FieldViolation, ...] = ()
    retry_after: timedelta | None = None


class BridgeCallError(Exception):
    """The server refused, failed, or did not answer."""

    def __init__(
        self, code: grpc.StatusCode, message: str, details: _Details | None = None
    ) -> None:
        super().__init__(message or code.name)
        details = details or _Details()
        self.code = code
        self.message = message
        self.reason = details.reason
        """Stable, for programs; "" where the failure is not mediabridge's own."""
        self.domain = details.domain
        self.metadata = details.metadata
        self.violations = details.violations
        self.retry_after = details.retry_after

    @property
    def can_be_resumed(self) -> bool:
        """Whether a stream that ended so may be opened again, with the key that is good then."""
        is_away = self.code is grpc.StatusCode.UNAVAILABLE
        return is_away or self.reason == _LAPSED

    def __str__(self) -> str:
        named = f" ({self.reason})" if self.reason else ""
        return f"{self.code.name}{named}: {self.message}"


class InvalidArgumentError(BridgeCallError):
    """A field of the request is wrong; `violations` says which."""


class NotFoundError(BridgeCallError):
    """No such call, agent or room, or not yours to see."""


class AlreadyExistsError(BridgeCallError):
    """The request id was used with another request, or the room's name is taken."""


class FailedPreconditionError(BridgeCallError):
    """The request is right, but not at this moment."""


class OutOfRangeError(BridgeCallError):
    """The events behind `after_sequence` are no longer kept."""


class ResourceExhaustedError(BridgeCallError):
    """A limit is reached; `retry_after` says when to try again."""


class UnavailableError(BridgeCallError):
    """The server does not answer, or is leaving; `retry_after` may say when to try again."""


class DeadlineExceededError(BridgeCallError):
    """The answer did not come in time; the request may have been carried out."""


class UnauthenticatedError(BridgeCallError):
    """The API key is missing or wrong."""


class PermissionDeniedError(BridgeCallError):
    """The API key is good, but not for this."""


_CLASS_OF: Final[Mapping[grpc.StatusCode, type[BridgeCallError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRangeError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
}


@contextmanager
def raised_as_ours() -> Iterator[None]:
    """Turn gRPC's own exception into the class of its status."""
    try:
        yield
    except grpc.aio.AioRpcError as failure:
        raise error_from(failure) from failure


def error_from(failure: grpc.aio.AioRpcError) -> BridgeCallError:
    """Return the exception of a failed call, with what the server said about it."""
    code = failure.code()
    kind = _CLASS_OF.get(code, BridgeCallError)
    return kind(code, failure.details() or "", _details(failure))


def _details(failure: grpc.aio.AioRpcError) -> _Details:
    details = _Details()
    for packed in _packed_details(failure):
        for kind, read in _READERS.items():
            message = kind()
            if packed.Is(kind.DESCRIPTOR) and packed.Unpack(message):
                read(details, message)
    return details


def _packed_details(failure: grpc.aio.AioRpcError) -> list[Any]:
    """Return the details the server attached; what is not google.rpc.Status counts as none."""
    for key, value in failure.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                return list(status_pb2.Status.FromString(value).details)
            except DecodeError:
                return []
    return []


def _read_info(details: _Details, info: Any) -> None:  # noqa: ANN401 - google.rpc is untyped
    details.reason = info.reason
    details.domain = info.domain
    details.metadata = dict(info.metadata)


def _read_violations(details: _Details, bad: Any) -> None:  # noqa: ANN401 - as above
    details.violations = tuple(
        FieldViolation(one.field, one.description) for one in bad.field_violations
    )


def _read_retry(details: _Details, retry: Any) -> None:  # noqa: ANN401 - as above
    details.retry_after = retry.retry_delay.ToTimedelta()


_READERS: Final = cast(
    "Mapping[type[Message], Callable[[_Details, Any], None]]",
    {
        error_details_pb2.ErrorInfo: _read_info,
        error_details_pb2.BadRequest: _read_violations,
        error_details_pb2.RetryInfo: _read_retry,
    },
)
