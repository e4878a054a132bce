"""LiveKit in memory: the rooms, the bots in them, and humans who do as the test says.

`FakeLiveKit` is the server. `FakeRooms` is one host's view of it, what the domain gets.
Both pass tests/contract/test_room_contract.py, as the real ones do.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from itertools import count

from bridge.errors import RoomRejected, RoomUnreachable
from bridge.ids import ConnectionId, Identity, RoomName, is_bot
from bridge.pcm import ROOM_FRAME_BYTES
from bridge.ports.call import AgentState
from bridge.ports.clock import Clock
from bridge.ports.room import (
    AccessToken,
    AudioOutput,
    NetworkStats,
    OwnedRoom,
    RoomRequest,
    Segment,
)
from bridge.ports.room_event import (
    ChatReceived,
    HumanJoined,
    HumanLeft,
    LeaveReason,
    MediaClosed,
    MediaInterrupted,
    MediaResumed,
    MicrophoneMuted,
    OutputSubscribed,
    RoomEvent,
    SpeakerStarted,
    SpeakerStopped,
)
from tests.fakes.sound import FakeOutput, FakeSpeaker


class FakeBot:
    """A bot in a room; the room tells it what happens."""

    def __init__(self, identity: Identity, clock: Clock) -> None:
        self.identity = identity
        self.fake_output = FakeOutput(clock)
        self.speakers: dict[str, FakeSpeaker] = {}
        self.network = NetworkStats()
        self.segments: list[Segment] = []
        """What was shown in the room, in order."""
        self.agent_states: list[str] = ["initializing"]
        self.keys = ""
        """Of a telephone, as they were pressed."""
        self.keys_are_stuck = False
        self._events: asyncio.Queue[RoomEvent] = asyncio.Queue()
        self._published = False
        self._has_listeners = False
        self._subscribed = False
        self._closed = False

    async def publish(self) -> None:
        self._published = True
        self._meet()

    @property
    def output(self) -> AudioOutput:
        return self.fake_output

    async def events(self) -> AsyncIterator[RoomEvent]:
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, MediaClosed):
                return

    def tell_text(self, segment: Segment) -> None:
        if not self._closed:
            self.segments.append(segment)

    def tell_agent_state(self, state: AgentState) -> None:
        if not self._closed:
            self.agent_states.append(state.value)

    async def press_keys(self, digits: str) -> None:
        if self._closed or self.keys_are_stuck:
            raise RoomUnreachable("LiveKit did not take a key")
        self.keys += digits

    async def network_stats(self) -> NetworkStats:
        return self.network

    def emit(self, event: RoomEvent) -> None:
        if not self._closed:
            self._events.put_nowait(event)

    def listened_to(self) -> None:
        """Somebody is there who subscribes to what is published."""
        self._has_listeners = True
        self._meet()

    def _meet(self) -> None:
        if self._published and self._has_listeners and not self._subscribed:
            self._subscribed = True
            self.emit(OutputSubscribed())

    def start_speaker(self, sid: str, human: "FakeHuman") -> None:
        speaker = FakeSpeaker(sid, human.identity)
        self.speakers[sid] = speaker
        self.emit(SpeakerStarted(speaker))
        if human.muted:
            self.emit(MicrophoneMuted(human.identity, muted=True))

    def stop_speaker(self, sid: str) -> None:
        speaker = self.speakers.pop(sid, None)
        if speaker is not None:
            speaker.put(None)
            self.emit(SpeakerStopped(sid))

    def close(self, reason: LeaveReason) -> None:
        for sid in tuple(self.speakers):
            self.stop_speaker(sid)
        self.emit(MediaClosed(reason))
        self._closed = True
        self.fake_output.close()


class FakeHuman:
    """A participant who does what the test says, at once."""

    def __init__(self, room: "_FakeRoom", identity: Identity, name: str) -> None:
        self._room = room
        self.identity = identity
        self.name = name
        self.muted = False
        self.track_sid: str | None = None
        self.gone: LeaveReason | None = None

    def publish(self) -> None:
        self.track_sid = self._room.new_track_sid()
        for bot in self._room.bots.values():
            bot.start_speaker(self.track_sid, self)

    def unpublish(self) -> None:
        if self.track_sid is not None:
            for bot in self._room.bots.values():
                bot.stop_speaker(self.track_sid)
            self.track_sid = None

    def mute(self) -> None:
        self._set_muted(muted=True)

    def unmute(self) -> None:
        self._set_muted(muted=False)

    def speak(self, pcm: bytes) -> None:
        """Say 48 kHz sound: the bots get its frames now."""
        assert self.track_sid is not None, "a human without a microphone cannot speak"
        view = memoryview(pcm)
        for start in range(0, len(view) - ROOM_FRAME_BYTES + 1, ROOM_FRAME_BYTES):
            for bot in self._room.bots.values():
                bot.speakers[self.track_sid].put(view[start : start + ROOM_FRAME_BYTES])

    @property
    def read(self) -> list[Segment]:
        """Return what the room's bots have shown so far."""
        return [segment for bot in self._room.bots.values() for segment in bot.segments]

    @property
    def agent_states(self) -> list[str]:
        return [state for bot in self._room.bots.values() for state in bot.agent_states]

    @property
    def keys(self) -> str:
        """Return the keys that the room's bots have pressed."""
        return "".join(bot.keys for bot in self._room.bots.values())

    def write(self, text: str) -> None:
        """Write to the agent."""
        for bot in self._room.bots.values():
            bot.emit(ChatReceived(self.identity, text))

    def leave(self, reason: LeaveReason = LeaveReason.LEFT) -> None:
        """Go; `LeaveReason.LOST` is a connection that died."""
        if self.gone is None:
            self.unpublish()
            self.gone = reason
            del self._room.humans[self.identity]
            for bot in self._room.bots.values():
                bot.emit(HumanLeft(self.identity, reason))

    def _set_muted(self, *, muted: bool) -> None:
        self.muted = muted
        for bot in self._room.bots.values():
            bot.emit(MicrophoneMuted(self.identity, muted))


class _FakeRoom:
    def __init__(self, request: RoomRequest, host_id: str, created_at: datetime) -> None:
        self.request = request
        self.host_id = host_id
        self.created_at = created_at
        self.bots: dict[Identity, FakeBot] = {}
        self.humans: dict[Identity, FakeHuman] = {}
        self._sids = count(1)

    def new_track_sid(self) -> str:
        return f"TR_{next(self._sids)}"

    def enter_bot(self, bot: FakeBot) -> None:
        earlier = self.bots.get(bot.identity)
        if earlier is not None:
            earlier.close(LeaveReason.DUPLICATE_IDENTITY)
        self.bots[bot.identity] = bot
        for human in self.humans.values():
            bot.emit(HumanJoined(human.identity, human.name))
            if human.track_sid is not None:
                bot.start_speaker(human.track_sid, human)
            bot.listened_to()

    def leave_bot(self, bot: FakeBot, *, empties: bool) -> None:
        bot.close(LeaveReason.LEFT)
        if self.bots.get(bot.identity) is bot:
            del self.bots[bot.identity]
            for human in tuple(self.humans.values()) if empties else ():
                human.leave(LeaveReason.REMOVED)

    def enter_human(self, human: FakeHuman) -> None:
        earlier = self.humans.get(human.identity)
        if earlier is not None:  # replaced: to the bots the same human stays
            earlier.unpublish()
            earlier.gone = LeaveReason.DUPLICATE_IDENTITY
        self.humans[human.identity] = human
        for bot in self.bots.values():
            if earlier is None:
                bot.emit(HumanJoined(human.identity, human.name))
            bot.listened_to()

    def close(self) -> None:
        for human in self.humans.values():
            human.gone = LeaveReason.ROOM_DELETED
        for bot in self.bots.values():
            bot.close(LeaveReason.ROOM_DELETED)


class FakeLiveKit:
    """The server: its rooms, and what goes wrong with it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rooms: dict[RoomName, _FakeRoom] = {}
        self.unreachable = False
        self.rejects = False

    def check(self) -> None:
        """Fail as the test asked."""
        if self.unreachable:
            raise RoomUnreachable("LiveKit did not answer")
        if self.rejects:
            raise RoomRejected("LiveKit refused")

    def enter(self, jwt: str) -> FakeHuman:
        """Let a human in by a token of `FakeRooms`; where there is no such room, there is now."""
        grant = json.loads(jwt)
        name = RoomName(grant["room"])
        if name not in self.rooms:
            request = RoomRequest(name, ConnectionId(""), empty_timeout_s=300, max_participants=0)
            self.rooms[name] = _FakeRoom(request, "", self.clock.now())
        room = self.rooms[name]
        human = FakeHuman(room, Identity(grant["identity"]), grant["name"])
        assert not is_bot(human.identity)
        room.enter_human(human)
        return human

    def bot(self, room: RoomName) -> FakeBot:
        """Return the one bot of a room."""
        (bot,) = self.rooms[room].bots.values()
        return bot

    @contextmanager
    def blind(self, room: RoomName) -> Iterator[None]:
        """Let the room's bots notice nothing for as long as this lasts."""
        bots = self.rooms[room].bots
        seeing = dict(bots)
        bots.clear()
        yield
        bots.update(seeing)

    @contextmanager
    def interrupted(self, room: RoomName) -> Iterator[None]:
        """Break the bots' connection to the server for as long as this lasts."""
        bots = tuple(self.rooms[room].bots.values())
        for bot in bots:
            bot.emit(MediaInterrupted())
        yield
        for bot in bots:
            bot.emit(MediaResumed())

    def die(self) -> None:
        """Lose every bot's connection for good, and answer nobody any more."""
        self.unreachable = True
        for room in self.rooms.values():
            for bot in room.bots.values():
                bot.close(LeaveReason.LOST)


class FakeRooms:
    """A `RoomService` for one host."""

    def __init__(self, livekit: FakeLiveKit, host_id: str = "host-a") -> None:
        self._livekit = livekit
        self._host_id = host_id

    @property
    def url(self) -> str:
        return "ws://livekit.test"

    async def create(self, request: RoomRequest) -> None:
        self._livekit.check()
        if request.name not in self._livekit.rooms:
            now = self._livekit.clock.now()
            self._livekit.rooms[request.name] = _FakeRoom(request, self._host_id, now)

    async def delete(self, name: RoomName) -> None:
        self._livekit.check()
        room = self._livekit.rooms.pop(name, None)
        if room is not None:
            room.close()

    async def exists(self, name: RoomName) -> bool:
        self._livekit.check()
        return name in self._livekit.rooms

    async def humans(self, name: RoomName) -> frozenset[Identity]:
        self._livekit.check()
        room = self._livekit.rooms.get(name)
        return frozenset() if room is None else frozenset(room.humans)

    async def owned(self) -> list[OwnedRoom]:
        self._livekit.check()
        return [
            OwnedRoom(name, room.request.connection_id, room.created_at)
            for name, room in self._livekit.rooms.items()
            if room.host_id == self._host_id
        ]

    async def unclaimed(self) -> frozenset[RoomName]:
        self._livekit.check()
        return frozenset(name for name, room in self._livekit.rooms.items() if not room.host_id)

    def mint_caller_token(
        self, room: RoomName, identity: Identity, name: str, ttl_s: float
    ) -> AccessToken:
        grant = {"room": room, "identity": identity, "name": name}
        expires_at = self._livekit.clock.now() + timedelta(seconds=ttl_s)
        return AccessToken(json.dumps(grant), expires_at.replace(microsecond=0))

    @asynccontextmanager
    async def join(
        self, room: RoomName, identity: Identity, name: str, *, empties: bool = False
    ) -> AsyncIterator[FakeBot]:
        del name
        self._livekit.check()
        joined = self._livekit.rooms.get(room)
        if joined is None:  # as a server without auto_create answers
            raise RoomRejected("there is no such room")
        bot = FakeBot(identity, self._livekit.clock)
        joined.enter_bot(bot)
        try:
            yield bot
        finally:
            joined.leave_bot(bot, empties=empties and not self._livekit.unreachable)
