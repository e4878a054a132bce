"""What a call asks of LiveKit: rooms, tokens, and a bot participant that hears and speaks."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from bridge.ids import ConnectionId, Identity, RoomName
from bridge.ports.call import AgentState
from bridge.ports.room_event import RoomEvent


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
        self, room: RoomName, identity: Identity, name: str, *, empties: bool = False
    ) -> AbstractAsyncContextManager[Bot]:
        """Enter the room as a bot: connected on entering, gone on leaving.

        :param empties: on leaving, humans who are still there are put out first.

        :raises RoomError: the room could not be joined.
        """
        ...
