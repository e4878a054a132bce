"""Where do rooms come from: LiveKit's room service, with deadlines and in the domain's errors."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from livekit import api, rtc

from bridge.clock import SystemClock
from bridge.errors import RoomError, RoomRejected, RoomUnreachable
from bridge.ids import ConnectionId, Identity, RoomName
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.room import AccessToken, Bot, OwnedRoom, RoomRequest
from bridge.room.asking import ask, session
from bridge.room.audio import Audio, best_audio
from bridge.room.bot import RoomBot
from bridge.room.humans import is_human
from bridge.room.leaving import leave
from bridge.room.tokens import Minter

_JOIN_S: Final = 10.0
# One attempt to reach the server; the SDK makes several within `_JOIN_S`.
_SIGNAL_S: Final = 5.0
# A connection attempt that was given up is still seen to its end, for this long at most.
_STRAGGLER_S: Final = 5.0

# In the room's metadata, which every participant can read: identifiers, no secrets.
_HOST_KEY: Final = "mediabridge_host"
_CONNECTION_KEY: Final = "connection_id"

_log = get_logger(__name__)


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
        audio: Audio | None = None,
    ) -> None:
        self._url = url
        self._public_url = public_url or url
        self._keys = (api_key, api_secret)
        self._host_id = host_id
        self._minter = Minter(api_key, api_secret)
        self._clock = clock or SystemClock()
        self._audio = audio or best_audio()
        self._api: api.LiveKitAPI | None = None
        self._stragglers: set[asyncio.Task[None]] = set()

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
        if self._stragglers:
            await asyncio.wait(self._stragglers, timeout=_STRAGGLER_S)
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
        try:
            await ask("delete a room", self._rooms.delete_room(wanted))
        except RoomRejected as error:
            if not _is_not_found(error.__cause__):
                raise

    async def exists(self, name: RoomName) -> bool:
        wanted = api.ListRoomsRequest(names=[name])
        answer = await ask("look for a room", self._rooms.list_rooms(wanted))
        return any(room.name == name for room in answer.rooms)

    async def humans(self, name: RoomName) -> frozenset[Identity]:
        wanted = api.ListParticipantsRequest(room=name)
        try:
            answer = await ask("look who is in a room", self._rooms.list_participants(wanted))
        except RoomRejected as error:
            if _is_not_found(error.__cause__):
                return frozenset()
            raise
        return frozenset(
            Identity(participant.identity)
            for participant in answer.participants
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
    async def join(self, room: RoomName, identity: Identity, name: str) -> AsyncIterator[Bot]:
        connection = rtc.Room()
        try:
            async with asyncio.timeout(_JOIN_S):
                await self._connect(connection, room, self._minter.bot_token(room, identity, name))
                self._audio.entered(connection)
                bot = RoomBot(connection, self._audio, self._clock)
                bot.enter()
        except TimeoutError as error:
            raise RoomUnreachable("LiveKit did not let the bot in in time") from error
        try:
            yield bot
        finally:
            await bot.aclose()

    @property
    def _rooms(self) -> api.room_service.RoomService:
        if self._api is None:
            raise RuntimeError("LiveKitRooms is not entered")
        return self._api.room

    async def _connect(self, connection: rtc.Room, room: RoomName, token: str) -> None:
        options = rtc.RoomOptions(auto_subscribe=False, connect_timeout=_SIGNAL_S)
        connecting = asyncio.create_task(
            connection.connect(self._url, token, options), name=f"connect {room}"
        )
        try:
            # A cancelled connect goes on inside the SDK and would leave a bot nobody owns.
            await asyncio.shield(connecting)
        except rtc.ConnectError as error:
            raise await self._why_refused(room) from error
        except asyncio.CancelledError:
            straggler = asyncio.create_task(_give_up(connecting, connection), name=f"leave {room}")
            self._stragglers.add(straggler)
            straggler.add_done_callback(self._stragglers.discard)
            raise

    async def _why_refused(self, room: RoomName) -> RoomError:
        """Tell a refusal from a dead server, which the SDK's error does not."""
        try:
            await self.exists(room)
        except RoomUnreachable:
            return RoomUnreachable("LiveKit could not be reached to join")
        except RoomRejected:
            pass
        return RoomRejected("LiveKit refused to let the bot in")

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


def _is_not_found(error: BaseException | None) -> bool:
    return isinstance(error, api.TwirpError) and error.code == api.TwirpErrorCode.NOT_FOUND


async def _give_up(connecting: asyncio.Task[None], connection: rtc.Room) -> None:
    try:
        await connecting
    except rtc.ConnectError:
        return
    _log.info("leaving a room that was joined too late")
    await leave(connection)
