"""What is asked of LiveKit Egress: that the server itself records a room."""

from dataclasses import dataclass
from typing import Protocol

from bridge.ids import ConnectionId, RoomName, TenantId
from bridge.ports.recording import Recorded


@dataclass(frozen=True, slots=True)
class EgressTarget:
    """What is recorded, and for whom."""

    room_name: RoomName
    connection_id: ConnectionId
    tenant_id: TenantId


@dataclass(frozen=True, slots=True)
class EgressJob:
    """A recording that Egress makes."""

    egress_id: str
    recorded: Recorded
    """What is known of it."""
    track_sid: str = ""
    """The one track that it records; empty: the whole room."""


class Egress(Protocol):
    """LiveKit Egress, as far as a bridge needs it. Every operation has its own deadline."""

    async def begin(
        self, target: EgressTarget, part: int, without: frozenset[str]
    ) -> tuple[EgressJob, ...]:
        """Record what of the room is not recorded yet.

        :param part: tells the files of one call apart.
        :param without: the `track_sid` of the jobs that there are.
        :raises RoomError: Egress did not begin.
        """
        ...

    async def finish(self, job: EgressJob) -> Recorded:
        """Stop a recording, and return what it has become as far as Egress says so in time.

        :raises RoomError: Egress did not stop it.
        """
        ...
