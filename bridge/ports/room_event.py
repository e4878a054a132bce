"""What happens in a room, as its bot is told."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from bridge.ids import Identity


class SpeakerTrack(Protocol):
    """One human's microphone."""

    @property
    def sid(self) -> str: ...

    @property
    def identity(self) -> Identity: ...

    def frames(self) -> AbstractAsyncContextManager[AsyncIterator[memoryview]]:
        """Open the track: 48 kHz mono int16 frames of 20 ms, in real time, until it is gone.

        A reader that falls behind loses the oldest frames; `dropped_ms` counts them.
        """
        ...

    @property
    def dropped_ms(self) -> float: ...


class LeaveReason(Enum):
    """Why a participant is gone, or why our own connection ended."""

    LEFT = "left"
    """It said goodbye."""
    LOST = "lost"
    """Its connection died."""
    REMOVED = "removed"
    """Somebody with LiveKit's keys removed it."""
    DUPLICATE_IDENTITY = "duplicate_identity"
    ROOM_DELETED = "room_deleted"
    SERVER_SHUTDOWN = "server_shutdown"


@dataclass(frozen=True, slots=True)
class HumanJoined:
    """A participant that is not a bot, egress or ingress is in the room."""

    identity: Identity
    name: str


@dataclass(frozen=True, slots=True)
class HumanLeft:
    identity: Identity
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class SpeakerStarted:
    """A human's microphone can be heard from now on."""

    track: SpeakerTrack


@dataclass(frozen=True, slots=True)
class SpeakerStopped:
    """A human's microphone was unpublished; its `frames()` has ended or will at once."""

    track_sid: str


@dataclass(frozen=True, slots=True)
class MicrophoneMuted:
    identity: Identity
    muted: bool


@dataclass(frozen=True, slots=True)
class ChatReceived:
    """A human wrote to the agent: a few kilobytes at most, without control characters."""

    identity: Identity
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OutputSubscribed:
    """The first human subscribed to the bot's track: what is played now is heard."""


@dataclass(frozen=True, slots=True)
class MediaInterrupted:
    """The connection to LiveKit broke; the adapter is trying to get it back."""


@dataclass(frozen=True, slots=True)
class MediaResumed:
    """The connection to LiveKit is back."""


@dataclass(frozen=True, slots=True)
class MediaClosed:
    """The bot is out of the room for good. Always the last event."""

    reason: LeaveReason


RoomEvent = (
    HumanJoined
    | HumanLeft
    | SpeakerStarted
    | SpeakerStopped
    | MicrophoneMuted
    | ChatReceived
    | OutputSubscribed
    | MediaInterrupted
    | MediaResumed
    | MediaClosed
)
