"""What can go wrong, and whose fault it is.

BridgeError
├── Refusal                  a request that is not carried out; maps to one gRPC status
│   ├── Unauthenticated      nobody we know asks
│   ├── Forbidden            somebody we know, who may not do that
│   ├── InvalidRequest       the request itself is wrong, field by field
│   ├── NotFound             no such call, agent or room (or not yours to see)
│   ├── AlreadyExists        the name or request id is taken by something else
│   ├── WrongState           right request, wrong moment
│   ├── OutOfRange           what was asked for is no longer, or not yet, there
│   ├── Exhausted            a limit is reached; try again later
│   └── Unavailable          a part we need does not answer, or we are leaving
├── RoomError                LiveKit failed us
│   ├── RoomUnreachable      no answer, or not in time
│   └── RoomRejected         an answer, but a refusal: keys, limits
├── ModelError               the realtime model failed us; `failure` says how
├── RecordingError           a recording cannot be begun
├── BadKeyFile               the file of API keys cannot be used (access)
├── BadJwks                  there are no keys to check tokens by (access)
├── SettingsError            environment variables are wrong (settings)
├── BadCertificates          there is nothing to serve TLS with (api)
├── StoreError               the store cannot be used (store)
├── NoWorkers                the server's workers could not be started (workers)
├── ListenError              the address cannot be listened on (api)
├── WebhookListenError       nor can the one for LiveKit's webhooks (room)
└── MetricsListenError       nor can the one for metrics (observe)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Self


class BridgeError(Exception):
    """Root of everything mediabridge raises on purpose."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One wrong field of a request: its path in proto names, and what is wrong with it."""

    field: str
    description: str


class Refusal(BridgeError):
    """A request that is not carried out; `reason` is stable and meant for programs."""

    def __init__(
        self, reason: str, message: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})


class Unauthenticated(Refusal):
    """Nobody we know asks. `detail` is for our log: whoever asks is told no more than `message`."""

    def __init__(self, reason: str, message: str, detail: str = "") -> None:
        super().__init__(reason, message)
        self.detail = detail

    @classmethod
    def invalid(cls, detail: str) -> Self:
        """Return the one answer to whatever is wrong with credentials that prove nothing."""
        return cls("INVALID_CREDENTIALS", "these credentials are not valid here", detail)


class Forbidden(Refusal):
    """Somebody we know, who may not do that."""


class InvalidRequest(Refusal):
    """The request is wrong whatever the state of the system."""

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        named = "; ".join(f"{v.field}: {v.description}" for v in violations)
        super().__init__("INVALID_REQUEST", named)
        self.violations = tuple(violations)


class NotFound(Refusal):
    """Nothing of that name, or nothing the asker may know of."""


class AlreadyExists(Refusal):
    """The name or request id belongs to something else."""


class WrongState(Refusal):
    """The request is right, but not in the present state."""


class OutOfRange(Refusal):
    """What was asked for is no longer, or not yet, there."""


class _Retryable(Refusal):
    def __init__(
        self,
        reason: str,
        message: str,
        retry_after_s: float,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason, message, metadata)
        self.retry_after_s = retry_after_s


class Exhausted(_Retryable):
    """A limit is reached."""


class Unavailable(_Retryable):
    """A part that is needed does not answer, or this server is leaving."""


class RoomError(BridgeError):
    """LiveKit failed us."""


class RoomUnreachable(RoomError):
    """LiveKit gave no answer, or none in time."""


class RoomRejected(RoomError):
    """LiveKit answered with a refusal."""


class RecordingError(BridgeError):
    """A recording cannot be begun: there is no place for it, or none that can be written to."""


class ModelFailure(Enum):
    """How a model fails; decides the call's end reason and whether trying again can help."""

    AUTH = "auth"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    CONFIG_REJECTED = "config_rejected"
    UNAVAILABLE = "unavailable"
    LOST = "lost"
    SESSION_EXPIRED = "session_expired"


class ModelError(BridgeError):
    """The realtime model failed us. `detail` holds no prompt, key or spoken word."""

    def __init__(self, failure: ModelFailure, detail: str = "") -> None:
        super().__init__(f"{failure.value}: {detail}" if detail else failure.value)
        self.failure = failure
        self.detail = detail
