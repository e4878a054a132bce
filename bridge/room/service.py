"""Where do rooms come from: LiveKit's room service, with deadlines and in the domain's errors."""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from livekit import api

from bridge.clock import SystemClock
from bridge.errors import RoomError, RoomRejected, RoomUnreachable
from bridge.ids import ConnectionId, Identity, RoomName
from bridge.ports.clock import Clock
from bridge.ports.room import AccessToken, Bot, OwnedRoom, RoomRequest
from bridge.room.asking import ask, session
from bridge.room.kinds import is_human
from bridge.room.tokens import Minter

if TYPE_CHECKING:
    from bridge.room.audio import Audio
    from bridge.room.entrance import Entrance

# In the room's metadata, which every participant can read: identifiers, no secrets.
_HOST_KEY: Final = "mediabridge_host"
_CONNECTION_KEY: Final = "connection_id"


class LiveKitRooms:
    """A `RoomService` for one LiveKit server or project. Enter it before use.

    `host_id` marks the rooms this host creates; it must be the same after a restart.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        api_secret: str,
        host_id: str,
        public_url: str | None = None,
        clock: Clock | None = None,
        audio: "Audio | None" = None,
    ) -> None:
        self._url = url
        self._public_url = public_url or url
        self._keys = (api_key, api_secret)
        self._host_id = host_id
        self._minter = Minter(api_key, api_secret)
        self._clock = clock or SystemClock()
        self._audio = audio
        self._api: api.LiveKitAPI | None = None
        self._entrance: Entrance | None = None

    async def __aenter__(self) -> Self:
        self._api = session(self._url, *self._keys)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the HTTP session, and see given-up connections to their end. Idempotent."""
        if self._entrance is not None:
            await self._entrance.aclose()
        if self._api is not None:
            await self._api.aclose()
            self._api = None

    @property
    def url(self) -> str:
        return self._public_url

    async def create(self, request: RoomRequest) -> None:
        metadata = {_HOST_KEY: self._host_id, _CONNECTION_KEY: request.connection_id}
        wanted = api.CreateRoomRequest(
            name=request.name,
            empty_timeout=request.empty_timeout_s,
            departure_timeout=request.empty_timeout_s,
            max_participants=request.max_participants,
            metadata=json.dumps(metadata),
        )
        await ask("create a room", self._rooms.create_room(wanted))

    async def delete(self, name: RoomName) -> None:
        wanted = api.DeleteRoomRequest(room=name)
        with _unless_gone():
            await ask("delete a room", self._rooms.delete_room(wanted))

    async def exists(self, name: RoomName) -> bool:
        wanted = api.ListRoomsRequest(names=[name])
        answer = await ask("look for a room", self._rooms.list_rooms(wanted))
        return any(room.name == name for room in answer.rooms)

    async def humans(self, name: RoomName) -> frozenset[Identity]:
        wanted = api.ListParticipantsRequest(room=name)
        found: Sequence[api.ParticipantInfo] = ()
        with _unless_gone():
            asked = ask("look who is in a room", self._rooms.list_participants(wanted))
            found = (await asked).participants
        return frozenset(
            Identity(participant.identity)
            for participant in found
            if is_human(participant) and participant.state != api.ParticipantInfo.DISCONNECTED
        )

    async def owned(self) -> list[OwnedRoom]:
        listed = await self._listed()
        return [
            OwnedRoom(
                RoomName(room.name),
                ConnectionId(str(mark.get(_CONNECTION_KEY, ""))),
                datetime.fromtimestamp(room.creation_time, UTC),
            )
            for room in listed
            if (mark := _mark(room)).get(_HOST_KEY) == self._host_id
        ]

    async def unclaimed(self) -> frozenset[RoomName]:
        listed = await self._listed()
        return frozenset(RoomName(room.name) for room in listed if _HOST_KEY not in _mark(room))

    def mint_caller_token(
        self, room: RoomName, identity: Identity, name: str, ttl_s: float
    ) -> AccessToken:
        return self._minter.caller_token(room, identity, name, ttl_s, self._clock.now())

    @asynccontextmanager
    async def join(
        self, room: RoomName, identity: Identity, name: str, *, empties: bool = False
    ) -> AsyncIterator[Bot]:
        entrance = await self.open_entrance()
        token = self._minter.bot_token(room, identity, name)
        put_out = partial(self._put_out, room) if empties else None
        async with entrance.join(room, token, partial(self._why_refused, room), put_out) as bot:
            yield bot

    async def open_entrance(self) -> "Entrance":
        """Load what joining takes, beside whatever else goes on: 10 MB, and native threads.

        The first bot would, but later than need be; who only creates rooms does without.
        """
        if self._entrance is None:
            await asyncio.to_thread(importlib.import_module, "bridge.room.entrance")
        return self._loaded_entrance()

    def _loaded_entrance(self) -> "Entrance":
        from bridge.room.entrance import Entrance  # noqa: PLC0415 - see above

        if self._entrance is None:
            self._entrance = Entrance(self._url, self._clock, self._audio)
        return self._entrance

    @property
    def _rooms(self) -> api.room_service.RoomService:
        if self._api is None:
            raise RuntimeError("LiveKitRooms is not entered")
        return self._api.room

    async def _why_refused(self, room: RoomName) -> RoomError:
        """Tell a refusal from a dead server, which the SDK's error does not."""
        try:
            await self.exists(room)
        except RoomUnreachable:
            return RoomUnreachable("LiveKit could not be reached to join")
        except RoomRejected:
            pass
        return RoomRejected("LiveKit refused to let the bot in")

    async def _put_out(self, room: RoomName, identity: Identity) -> None:
        wanted = api.RoomParticipantIdentity(room=room, identity=identity)
        with _unless_gone():
            await ask("put somebody out", self._rooms.remove_participant(wanted))

    async def _listed(self) -> Sequence[api.Room]:
        answer = await ask("list rooms", self._rooms.list_rooms(api.ListRoomsRequest()))
        return answer.rooms


def _mark(room: api.Room) -> Mapping[str, object]:
    """Return what its host has noted in a room; nothing in one that no host created."""
    try:
        metadata = json.loads(room.metadata)
    except ValueError:
        return {}
    return metadata if isinstance(metadata, dict) else {}


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Take it for no error that what is asked about is not there any more."""
    try:
        yield
    except RoomRejected as error:
        cause = error.__cause__
        if not isinstance(cause, api.TwirpError) or cause.code != api.TwirpErrorCode.NOT_FOUND:
            raise
