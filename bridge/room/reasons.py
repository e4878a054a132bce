"""Why is a participant gone: LiveKit's reasons in the domain's words."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from livekit.api import DisconnectReason

from bridge.ports.room_event import LeaveReason

# Everything else is a connection that died: time-outs, failed media, an unknown reason.
_REASONS: Final[Mapping[int, LeaveReason]] = MappingProxyType(
    {
        DisconnectReason.CLIENT_INITIATED: LeaveReason.LEFT,
        DisconnectReason.USER_REJECTED: LeaveReason.LEFT,
        DisconnectReason.PARTICIPANT_REMOVED: LeaveReason.REMOVED,
        DisconnectReason.DUPLICATE_IDENTITY: LeaveReason.DUPLICATE_IDENTITY,
        DisconnectReason.ROOM_DELETED: LeaveReason.ROOM_DELETED,
        DisconnectReason.ROOM_CLOSED: LeaveReason.ROOM_DELETED,
        DisconnectReason.SERVER_SHUTDOWN: LeaveReason.SERVER_SHUTDOWN,
    }
)


def leave_reason(reason: int | None) -> LeaveReason:
    """Return what LiveKit's `DisconnectReason` means; None is unknown."""
    return _REASONS.get(reason, LeaveReason.LOST) if reason is not None else LeaveReason.LOST
