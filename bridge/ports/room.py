"""What a call asks of LiveKit: rooms, tokens, and a bot participant that hears and speaks."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

from bridge.ids import ConnectionId, Identity, RoomName
from bridge.ports.call import AgentState


@dataclass(frozen=True, slots=True)
class RoomRequest:
    """A room to create for one call."""

    name: RoomName
    connection_id: ConnectionId
    empty_timeout_s: int
    """How long LiveKit keeps the room with nobody in it, should we die."""
    max_participants: int


@dataclass(frozen=True, slots=True)
class OwnedRoom:
    """A room on LiveKit that this host once created."""

    name: RoomName
    connection_id: ConnectionId
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A caller's way into one room, and nothing else."""

    jwt: str = field(repr=False)
    expires_at: datetime


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

    track: "SpeakerTrack"


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


class AudioOutput(Protocol):
    """The bot's published track. One writer at a time."""

    async def write(self, frame: memoryview) -> None:
        """Queue one 48 kHz mono int16 frame of 10 ms or more, a whole number of 10 ms.

        Returns at once while the small source queue has room, then paces in real time.
        Never cancel it: shield the call and let it finish.

        :raises RoomError: the track is gone.
        """
        ...

    def clear(self) -> None:
        """Forget what is queued and not yet played."""
        ...

    @property
    def queued_ms(self) -> float:
        """What was written and is not yet played."""
        ...


@dataclass(frozen=True, slots=True)
class NetworkStats:
    """The bot's WebRTC counters, totals since it joined; None where LiveKit gave none yet."""

    packets_received: int = 0
    packets_sent: int = 0
    packets_lost_in: int = 0
    packets_lost_out: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    jitter_ms: float | None = None
    round_trip_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """All words so far of one piece of speech, as the people in the room may read them."""

    segment_id: str
    speaker: Identity | None
    """The human who says it; None: the bot."""
    text: str = field(repr=False)
    final: bool


KEYS: Final = "0123456789*#ABCD"
"""The keys of a telephone, by their numbers in RFC 4733."""
MAX_KEYS: Final = 32
"""At once: a key takes a third of a second, and a menu may want as many as this."""


class Bot(Protocol):
    """The bridge's participant in one room."""

    @property
    def output(self) -> AudioOutput: ...

    async def publish(self) -> None:
        """Publish the bot's track: what is written to `output` from now on can be heard. Once.

        :raises RoomError: LiveKit did not take it.
        """
        ...

    def events(self) -> AsyncIterator[RoomEvent]:
        """Yield what happens, beginning with who is already there; ends after MediaClosed.

        One reader. Events wait in an unbounded queue that one room's few events cannot fill.
        """
        ...

    def tell_text(self, segment: Segment) -> None:
        """Show words in the room. Never waits, never fails, and is forgotten after the end.

        Only the newest text of a segment is sent. When LiveKit takes none for so long that too
        many segments wait, partial ones are dropped first.
        """
        ...

    def tell_agent_state(self, state: AgentState) -> None:
        """Show what the agent is doing, as `tell_text` does; quick changes are skipped."""
        ...

    async def press_keys(self, digits: str) -> None:
        """Press keys of a telephone, one after the other, each one of KEYS.

        Cancelling leaves the rest unpressed.

        :raises RoomError: LiveKit did not take one.
        """
        ...

    async def network_stats(self) -> NetworkStats: ...


class RoomService(Protocol):
    """LiveKit, as far as a bridge needs it. Every operation has its own deadline."""

    @property
    def url(self) -> str:
        """Return where clients connect to, as given to callers."""
        ...

    async def create(self, request: RoomRequest) -> None:
        """Create the room, marked as this host's. Creating one that exists is no error.

        :raises RoomError: it could not be created.
        """
        ...

    async def delete(self, name: RoomName) -> None:
        """Delete the room and put everyone out. A room that is not there is no error.

        :raises RoomError: LiveKit did not confirm it.
        """
        ...

    async def exists(self, name: RoomName) -> bool:
        """
        :raises RoomError: LiveKit did not answer.
        """
        ...

    async def humans(self, name: RoomName) -> frozenset[Identity]:
        """Return the humans who are in the room; nobody, where there is no such room.

        :raises RoomError: LiveKit did not answer.
        """
        ...

    async def owned(self) -> list[OwnedRoom]:
        """Return the rooms on LiveKit that this host created, in this life or an earlier one.

        :raises RoomError: LiveKit did not answer.
        """
        ...

    async def unclaimed(self) -> frozenset[RoomName]:
        """Return the rooms on LiveKit that no host of ours created.

        :raises RoomError: LiveKit did not answer.
        """
        ...

    def mint_caller_token(
        self, room: RoomName, identity: Identity, name: str, ttl_s: float
    ) -> AccessToken:
        """Return a token that lets `identity` into `room` to publish a microphone and subscribe."""
        ...

    def join(
        self, room: RoomName, identity: Identity, name: str
    ) -> AbstractAsyncContextManager[Bot]:
        """Enter the room as a bot: connected on entering, gone on leaving.

        :raises RoomError: the room could not be joined.
        """
        ...
