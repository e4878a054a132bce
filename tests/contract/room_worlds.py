"""A LiveKit and its people for the contract of rooms: one in memory, one real."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from bridge.clock import SystemClock
from bridge.ids import (
    Identity,
)
from bridge.ports.room import RoomService, Segment
from bridge.room.audio import Audio
from bridge.room.caller import Caller
from bridge.room.service import LiveKitRooms
from tests.fakes.room import FakeHuman, FakeLiveKit, FakeRooms
from tests.livekit_reader import LiveKitReader

if TYPE_CHECKING:
    from tests.livekit_server import LiveKitServer


class Human(Protocol):
    identity: Identity

    async def publish(self) -> None: ...
    async def unpublish(self) -> None: ...
    async def speak(self, pcm: bytes) -> None: ...
    async def leave(self) -> None: ...
    def mute(self) -> None: ...
    def unmute(self) -> None: ...
    async def write(self, text: str) -> None: ...
    def read(self) -> list[Segment]: ...
    def agent_states(self) -> list[str]: ...
    def keys(self) -> str: ...


class World(Protocol):
    """A LiveKit, real or not."""

    def rooms(self, host_id: str = "host-a") -> AbstractAsyncContextManager[RoomService]: ...
    def unreachable(self) -> AbstractAsyncContextManager[RoomService]: ...
    def rejecting(self) -> AbstractAsyncContextManager[RoomService]: ...
    def human(self, jwt: str) -> AbstractAsyncContextManager[Human]: ...


class _HumanInMemory:
    def __init__(self, human: FakeHuman) -> None:
        self._human = human
        self.identity = human.identity

    async def publish(self) -> None:
        self._human.publish()

    async def unpublish(self) -> None:
        self._human.unpublish()

    async def speak(self, pcm: bytes) -> None:
        self._human.speak(pcm)

    async def leave(self) -> None:
        self._human.leave()

    def mute(self) -> None:
        self._human.mute()

    def unmute(self) -> None:
        self._human.unmute()

    async def write(self, text: str) -> None:
        self._human.write(text)

    def read(self) -> list[Segment]:
        return self._human.read

    def agent_states(self) -> list[str]:
        return self._human.agent_states

    def keys(self) -> str:
        return self._human.keys


class FakeWorld:
    def __init__(self) -> None:
        self._livekit = FakeLiveKit(SystemClock())

    @asynccontextmanager
    async def rooms(self, host_id: str = "host-a") -> AsyncIterator[RoomService]:
        yield FakeRooms(self._livekit, host_id)

    @asynccontextmanager
    async def unreachable(self) -> AsyncIterator[RoomService]:
        livekit = FakeLiveKit(SystemClock())
        livekit.unreachable = True
        yield FakeRooms(livekit)

    @asynccontextmanager
    async def rejecting(self) -> AsyncIterator[RoomService]:
        livekit = FakeLiveKit(SystemClock())
        livekit.rejects = True
        yield FakeRooms(livekit)

    @asynccontextmanager
    async def human(self, jwt: str) -> AsyncIterator[Human]:
        yield _HumanInMemory(self._livekit.enter(jwt))


class _HumanOnline:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.identity = caller.identity
        self.publish = caller.publish
        self.unpublish = caller.unpublish
        self.speak = caller.play
        self.leave = caller.hang_up
        self.mute = caller.mute
        self.unmute = caller.unmute
        self._reader = LiveKitReader(caller.room)
        self.read = self._reader.segments
        self.agent_states = self._reader.agent_states
        self.keys = self._reader.keys

    async def write(self, text: str) -> None:
        await self._caller.room.local_participant.send_text(text, topic="lk.chat")

    async def stop_reading(self) -> None:
        await self._reader.aclose()


class RealWorld:
    def __init__(self, server: "LiveKitServer", audio: Audio) -> None:
        self._server = server
        self._audio = audio

    @asynccontextmanager
    async def rooms(self, host_id: str = "host-a") -> AsyncIterator[RoomService]:
        server = self._server
        keys = (server.api_key, server.api_secret)
        async with LiveKitRooms(server.url, *keys, host_id, audio=self._audio) as rooms:
            yield rooms

    @asynccontextmanager
    async def unreachable(self) -> AsyncIterator[RoomService]:
        # Port 9 (discard) of loopback: nobody listens there.
        async with LiveKitRooms("ws://127.0.0.1:9", "devkey", "s" * 32, "host-a") as rooms:
            yield rooms

    @asynccontextmanager
    async def rejecting(self) -> AsyncIterator[RoomService]:
        wrong_secret = "not-the-secret-" + "x" * 32
        server = self._server
        async with LiveKitRooms(server.url, server.api_key, wrong_secret, "host-a") as rooms:
            yield rooms

    @asynccontextmanager
    async def human(self, jwt: str) -> AsyncIterator[Human]:
        async with Caller.join(self._server.url, jwt, publish=False, audio=self._audio) as caller:
            human = _HumanOnline(caller)
            try:
                yield human
            finally:
                await human.stop_reading()
