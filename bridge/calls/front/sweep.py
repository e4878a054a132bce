"""Does a room outlive its call? Finds those that nobody carries, and deletes them."""

from typing import Final, Protocol

from bridge.calls.front.late_rooms import LateRooms
from bridge.errors import RoomError, Unavailable
from bridge.ids import ConnectionId
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.room import OwnedRoom, RoomService
from bridge.tracebacks import frames_of

_log = get_logger(__name__)

_EVERY_S: Final = 30.0

# A room exists for a moment before its call is entered, and for a moment after it has ended.
_YOUNG_S: Final = 30.0


class SweptHost(Protocol):
    """What the sweep asks of a host."""

    def carries(self, connection_id: ConnectionId) -> bool: ...


class Sweep:
    """Deletes this host's orphaned rooms, and those that were made for late callers.

    A live call is never touched, however old.
    """

    def __init__(
        self, rooms: RoomService, late_rooms: LateRooms, host: SweptHost, clock: Clock
    ) -> None:
        self._rooms = rooms
        self._late_rooms = late_rooms
        self._host = host
        self._clock = clock

    async def run(self) -> None:
        """Sweep at once, for what an earlier life left behind, then regularly; until cancelled."""
        while True:
            try:
                await self.once()
            except (RoomError, Unavailable) as error:
                _log.warning("sweep failed", error=str(error))
            except Exception as error:  # noqa: BLE001 - the next sweep may do better; calls go on
                _log.error("sweep failed", error=type(error).__name__, frames=frames_of(error))
            await self._clock.sleep(_EVERY_S)

    async def once(self) -> None:
        """
        :raises RoomError: LiveKit does not answer.
        :raises Unavailable: the store of ended calls does not answer.
        """
        for room in await self._rooms.owned():
            age_s = (self._clock.now() - room.created_at).total_seconds()
            if age_s >= _YOUNG_S and not self._host.carries(room.connection_id):
                _log.warning("orphaned room is deleted", connection_id=room.connection_id)
                await self._delete(room)
        await self._late_rooms.delete_all()

    async def _delete(self, room: OwnedRoom) -> None:
        try:
            await self._rooms.delete(room.name)
        except RoomError as error:
            # One that stays must not keep the others standing; the next sweep tries again.
            _log.warning("room not deleted", connection_id=room.connection_id, error=str(error))
