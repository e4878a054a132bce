"""What is asked of whoever records calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bridge.ids import ConnectionId, TenantId


class RecordingFormat(Enum):
    """How a recording is written."""

    WAV = "wav"
    """16-bit PCM."""
    OGG_OPUS = "ogg_opus"


class RecordingSource(Enum):
    """Who records."""

    BRIDGE = "bridge"
    EGRESS = "egress"
    """LiveKit's own recorder."""


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """A call is recorded, and how."""

    format: RecordingFormat = RecordingFormat.WAV
    paused: bool = False
    """It begins with silence."""


@dataclass(frozen=True, slots=True)
class RecordingChange:
    """What one call wants changed; None keeps the agent's own."""

    enabled: bool | None = None
    format: RecordingFormat | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What there is of a recording."""

    uri: str
    format: RecordingFormat
    duration_s: float
    size_bytes: int
    channels: int
    lost_s: float = 0.0
    """Sound that could not be written in time, of both sides together."""
    complete: bool = False
    source: RecordingSource = RecordingSource.BRIDGE


class RecordingTrouble(Enum):
    """What a recording suffers from, while its call goes on."""

    FAILED = "recording_failed"
    """It cannot be written: what is there already stays."""
    BEHIND = "recording_behind"
    """Sound was lost, because it comes faster than it can be written."""


class Tape(Protocol):
    """One call's recording. Nothing here waits, but for `finish`.

    Times are the monotonic clock's. Sound is 48 kHz mono int16 of any length.
    """

    @property
    def uri(self) -> str: ...

    def hear(self, pcm: memoryview, arrived_s: float) -> None:
        """Take what the callers said, which has just arrived."""
        ...

    def speak(self, pcm: memoryview, starts_s: float) -> None:
        """Take what the agent says, which will begin to be heard then."""
        ...

    def cut(self, at_s: float) -> None:
        """Take back what the agent would have said behind this moment: it was stopped."""
        ...

    def so_far(self) -> Recorded: ...

    async def finish(self, at_s: float) -> Recorded:
        """Write what there is up to this moment and close. Idempotent; never fails."""
        ...


OnTrouble = Callable[[RecordingTrouble], None]


class RecordingFiles(Protocol):
    """The files of recordings that are finished."""

    async def erase(self, tenant_id: TenantId, connection_id: ConnectionId) -> Sequence[str]:
        """Delete the files of one call; return their URIs, none where there were none.

        :raises Unavailable: one cannot be deleted.
        """
        ...


class Recordings(Protocol):
    """Where recordings are kept."""

    async def begin(
        self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        plan: RecordingPlan,
        starts_s: float,
        on_trouble: OnTrouble,
    ) -> Tape:
        """
        :param on_trouble: told of each kind of trouble once, on the caller's own event loop.
        :raises RecordingError: there is no place for it, or it cannot be written.
        """
        ...
