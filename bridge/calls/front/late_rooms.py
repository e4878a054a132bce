"""Has somebody come after the end? LiveKit makes a call's room anew for whoever is late.

A token outlives its call, so that callers who are lost can come back. Who uses it afterwards sits
alone in a room that LiveKit has made, in which nobody will ever answer.
"""

from bridge.errors import RoomError
from bridge.ids import RoomName, is_caller, room_name_for
from bridge.logs import get_logger
from bridge.ports.call import CallSpec
from bridge.ports.placement import Directory
from bridge.ports.room import RoomService

_log = get_logger(__name__)


class LateRooms:
    """Deletes rooms of calls that are over; whoever is in there is told so by LiveKit.

    Never one that a host of ours made, that a live call has, or that the gateway made for itself.
    """

    def __init__(self, rooms: RoomService, directory: Directory) -> None:
        self._rooms = rooms
        self._directory = directory

    async def delete_all(self) -> None:
        """
        :raises RoomError: LiveKit does not answer.
        :raises Unavailable: the store of ended calls does not answer.
        """
        for name in await self._rooms.unclaimed():
            spec = await self._past_call(name)
            if spec is not None:
                await self._delete(spec)

    async def delete(self, name: RoomName) -> None:
        """Delete one room, if it is one of these.

        :raises RoomError: LiveKit does not answer.
        :raises Unavailable: the store of ended calls does not answer.
        """
        spec = await self._past_call(name)
        if spec is not None and name in await self._rooms.unclaimed():
            await self._delete(spec)

    async def _past_call(self, name: RoomName) -> CallSpec | None:
        """Return the call that is over and had this room for itself."""
        last = await self._directory.last_in_room(name)
        if last is None or not last.view.is_over or last.view.spec.foreign_room:
            return None
        return last.view.spec

    async def _delete(self, spec: CallSpec) -> None:
        name, connection_id = spec.room_name, spec.connection_id
        try:
            if name != room_name_for(connection_id) and not await self._holds_late_callers(name):
                return  # a name that gateways choose, and may use again
            await self._rooms.delete(name)
            _log.info("late caller's room is deleted", connection_id=connection_id)
        except RoomError as error:
            # One that stays must not keep the others standing; the next sweep tries again.
            _log.warning("room not deleted", connection_id=connection_id, error=str(error))

    async def _holds_late_callers(self, name: RoomName) -> bool:
        humans = await self._rooms.humans(name)
        return bool(humans) and all(map(is_caller, humans))
