"""What LiveKit itself tells of its rooms, beside what a bot sees of its own."""

from dataclasses import dataclass

from bridge.ids import Identity, RoomName
from bridge.ports.room_event import LeaveReason


@dataclass(frozen=True, slots=True)
class RoomOver:
    """The room is there no more."""

    room_name: RoomName


@dataclass(frozen=True, slots=True)
class HumanCame:
    room_name: RoomName
    identity: Identity
    name: str


@dataclass(frozen=True, slots=True)
class HumanWent:
    room_name: RoomName
    identity: Identity
    reason: LeaveReason


RoomNews = RoomOver | HumanCame | HumanWent
