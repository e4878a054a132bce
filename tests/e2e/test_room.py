"""What only a real LiveKit can show: sound over WebRTC, reconnects, a server that goes away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest
from livekit import api, rtc
from livekit.rtc._ffi_client import FfiClient

from bridge.clock import SystemClock
from bridge.ids import (
    Identity,
    bot_identity_for,
    new_caller_identity,
    new_connection_id,
    room_name_for,
)
from bridge.media.playout import Playout
from bridge.media.resample import to_room
from bridge.ports.call import AgentState
from bridge.ports.room import RoomRequest, Segment
from bridge.ports.room_event import (
    ChatReceived,
    HumanJoined,
    HumanLeft,
    LeaveReason,
    MediaClosed,
    MediaInterrupted,
    MediaResumed,
    OutputSubscribed,
    RoomEvent,
    SpeakerStarted,
    SpeakerStopped,
)
from bridge.room.audio import best_audio
from bridge.room.bot import RoomBot
from bridge.room.caller import Caller
from bridge.room.direct_audio import DirectAudio
from bridge.room.service import LiveKitRooms
from tests.fakes.sound import keep_writing
from tests.livekit_reader import LiveKitReader
from tests.tones import amplitude_at, tone

if TYPE_CHECKING:
    from tests.livekit_server import LiveKitServer

pytestmark = pytest.mark.e2e

SOON_S = 45.0
CALLER_HZ = 440.0
AGENT_HZ = 1000.0
AUDIBLE = 4000.0


class Ear:
    """Counts frames in which a tone is heard, so that a test can wait for more of it."""

    def __init__(self, hz: float) -> None:
        self._hz = hz
        self._heard = asyncio.Event()
        self.last_s = 0.0

    def hear(self, at_s: float, frame: memoryview) -> None:
        if amplitude_at(frame, self._hz) > AUDIBLE:
            self.last_s = at_s
            self._heard.set()

    async def hears(self) -> None:
        """Wait for the tone, from now on."""
        self._heard.clear()
        async with asyncio.timeout(SOON_S):
            await self._heard.wait()


class BotSide:
    """Keeps a bot's events, listens to every speaker, and says one tone without end."""

    def __init__(self, bot: RoomBot) -> None:
        self.bot = bot
        self.ear = Ear(CALLER_HZ)
        self.seen: list[RoomEvent] = []
        self._changed = asyncio.Event()

    async def follow(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tracks:
            async for event in self.bot.events():
                self.seen.append(event)
                self._changed.set()
                if isinstance(event, SpeakerStarted):
                    tracks.create_task(self._listen(event, loop))

    async def speak(self) -> None:
        pcm = memoryview(tone(AGENT_HZ, ms=1000))
        while True:
            for start in range(0, len(pcm), 1920):
                await self.bot.output.write(pcm[start : start + 1920])

    async def until(self, kind: type[RoomEvent]) -> None:
        """Wait until an event of a kind is among those seen."""
        async with asyncio.timeout(SOON_S):
            while kind not in self.kinds():
                self._changed.clear()
                await self._changed.wait()

    def kinds(self) -> list[type[RoomEvent]]:
        return [type(event) for event in self.seen]

    async def simulate(self, scenario: rtc.SimulateScenarioKind.ValueType) -> None:
        async with asyncio.timeout(SOON_S):
            await self.bot._room.simulate_scenario(scenario)

    async def _listen(self, started: SpeakerStarted, loop: asyncio.AbstractEventLoop) -> None:
        async with started.track.frames() as frames:
            async for frame in frames:
                self.ear.hear(loop.time(), frame)


@pytest.fixture(autouse=True)
async def nothing_leaks() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}
    assert FfiClient.instance.queue._subscribers == []
    audio = best_audio()
    assert isinstance(audio, DirectAudio)
    assert audio.router.routed_rooms == 0


@pytest.fixture
async def rooms(livekit_server: "LiveKitServer") -> AsyncIterator[LiveKitRooms]:
    async with _rooms(livekit_server) as service:
        yield service


def _rooms(server: "LiveKitServer") -> LiveKitRooms:
    return LiveKitRooms(server.url, server.api_key, server.api_secret, "host-e2e")


@asynccontextmanager
async def joined(rooms: LiveKitRooms) -> AsyncIterator[tuple[BotSide, str]]:
    """A call's room with its bot, being listened to, and a token for its caller."""
    call = new_connection_id()
    room = room_name_for(call)
    await rooms.create(RoomRequest(room, call, empty_timeout_s=30, max_participants=5))
    token = rooms.mint_caller_token(room, new_caller_identity(), "Ada", ttl_s=60).jwt
    async with rooms.join(room, bot_identity_for(call), "Agent") as bot:
        await bot.publish()
        side = BotSide(cast("RoomBot", bot))
        following = asyncio.create_task(side.follow())
        yield side, token
    await following


@asynccontextmanager
async def speaking(side: BotSide, caller: Caller) -> AsyncIterator[None]:
    """Both sides say their tones for as long as this lasts."""
    said = [
        asyncio.create_task(side.speak()),
        asyncio.create_task(caller.play(tone(CALLER_HZ, ms=30_000))),
    ]
    try:
        yield
    finally:
        for task in said:
            task.cancel()
        await asyncio.wait(said)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not holds():
            await asyncio.sleep(0.02)  # what people read offers nothing to wait on


async def test_tones_cross_the_room_both_ways(rooms: LiveKitRooms) -> None:
    ear = Ear(AGENT_HZ)
    async with (
        joined(rooms) as (side, token),
        Caller.join(rooms.url, token, on_heard=ear.hear) as caller,
    ):
        await caller.wait_for_agent_track()
        async with speaking(side, caller):
            await side.ear.hears()
            await ear.hears()
        stats = await side.bot.network_stats()
    assert stats.packets_received > 0
    assert stats.packets_sent > 0
    assert stats.bytes_sent > stats.packets_sent
    assert len(caller.heard.samples) > 0
    assert amplitude_at(caller.heard.samples[-960:].tobytes(), AGENT_HZ) > AUDIBLE
    assert caller.stereo()[:4] == b"RIFF"


async def test_a_resume_is_reported_and_nobody_leaves(rooms: LiveKitRooms) -> None:
    ear = Ear(AGENT_HZ)
    async with (
        joined(rooms) as (side, token),
        Caller.join(rooms.url, token, on_heard=ear.hear) as caller,
    ):
        async with speaking(side, caller):
            await side.ear.hears()
            await side.simulate(rtc.SimulateScenarioKind.SIMULATE_SIGNAL_RECONNECT)
            await side.until(MediaInterrupted)
            await side.until(MediaResumed)
            await side.ear.hears()
            await ear.hears()
        assert side.kinds().count(SpeakerStarted) == 1
        assert HumanLeft not in side.kinds()


async def test_what_is_told_during_a_full_reconnect_is_read_after_it(rooms: LiveKitRooms) -> None:
    async with (
        joined(rooms) as (side, token),
        Caller.join(rooms.url, token) as caller,
        aclosing(LiveKitReader(caller.room)) as reader,
    ):
        side.bot.tell_agent_state(AgentState.LISTENING)
        await _until(lambda: reader.agent_states()[-1:] == ["listening"])
        await side.simulate(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
        await side.until(MediaInterrupted)
        side.bot.tell_text(Segment("s1", None, "Are you", final=False))
        side.bot.tell_text(Segment("s1", None, "Are you still there?", final=True))
        await side.until(MediaResumed)
        await _until(lambda: [s.text for s in reader.segments()] == ["Are you still there?"])
        await _until(lambda: reader.agent_states()[-1:] == ["listening"])
        await caller.room.local_participant.send_text("Yes.", topic="lk.chat")
        await caller.room.local_participant.send_text("x" * 5000, topic="lk.chat")
        await side.until(ChatReceived)
        assert side.kinds().count(ChatReceived) == 1
        people = caller.room.remote_participants
        await _until(
            lambda: [p.attributes["lk.agent.state"] for p in people.values()] == ["listening"]
        )


async def test_after_a_full_reconnect_both_are_heard_again_and_nobody_left(
    rooms: LiveKitRooms,
) -> None:
    ear = Ear(AGENT_HZ)
    async with (
        joined(rooms) as (side, token),
        Caller.join(rooms.url, token, on_heard=ear.hear) as caller,
    ):
        async with speaking(side, caller):
            await side.ear.hears()
            await ear.hears()
            before = await side.bot.network_stats()
            await side.simulate(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
            await side.until(MediaInterrupted)
            await side.until(MediaResumed)
            await side.ear.hears()
            await ear.hears()
            after = await side.bot.network_stats()
        kinds = side.kinds()
        assert kinds.count(HumanJoined) == 1
        assert HumanLeft not in kinds
        tracks = [k for k in kinds if k in {SpeakerStarted, SpeakerStopped}]
        assert tracks == [SpeakerStarted, SpeakerStopped, SpeakerStarted]
        assert after.packets_received >= before.packets_received
        assert kinds.count(OutputSubscribed) == 1


async def test_a_caller_that_reloads_its_page_has_not_left(rooms: LiveKitRooms) -> None:
    async with joined(rooms) as (side, token), Caller.join(rooms.url, token) as first:
        await side.until(SpeakerStarted)
        async with Caller.join(rooms.url, token) as second:
            assert await first.wait_until_gone() is LeaveReason.DUPLICATE_IDENTITY
            async with speaking(side, second):
                await side.ear.hears()
        await side.until(HumanLeft)
    assert side.kinds().count(HumanJoined) == 1
    assert [e.reason for e in side.seen if isinstance(e, HumanLeft)] == [LeaveReason.LEFT]


async def test_clear_silences_the_agent_at_once(rooms: LiveKitRooms) -> None:
    loop = asyncio.get_running_loop()
    ear = Ear(AGENT_HZ)
    async with (
        joined(rooms) as (side, token),
        Caller.join(rooms.url, token, on_heard=ear.hear) as caller,
    ):
        await caller.wait_for_agent_track()
        playout = Playout(to_room(), side.bot.output, SystemClock())
        playing = asyncio.create_task(keep_writing(playout, side.bot.output))
        playout.push("item-1", 0, tone(AGENT_HZ, ms=20_000, rate_hz=24_000))
        for _ in range(20):
            await ear.hears()
        (heard,) = playout.clear()
        cleared_s = loop.time()
        playout.push("item-2", 0, tone(300, ms=300, rate_hz=24_000))
        playout.finish("item-2", 0)
        async with asyncio.timeout(SOON_S):
            await playout.drained()
        playing.cancel()
        await asyncio.wait([playing])
    assert heard.received_ms == 20_000
    # What the caller has heard, and what of it was under way to the caller.
    assert 380 <= heard.played_ms < 1000
    # The network, its jitter buffer and a frame; not the 60 ms of a full source, nor 20 s.
    assert ear.last_s - cleared_s < 0.3


async def test_a_server_that_says_goodbye_closes_the_media(rooms: LiveKitRooms) -> None:
    async with joined(rooms) as (side, _):
        await side.simulate(rtc.SimulateScenarioKind.SIMULATE_SERVER_LEAVE)
        await side.until(MediaClosed)
    assert side.seen[-1] == MediaClosed(LeaveReason.SERVER_SHUTDOWN)


async def test_leaving_a_dead_server_does_not_hang(own_livekit_server: "LiveKitServer") -> None:
    async with (
        asyncio.timeout(SOON_S),
        _rooms(own_livekit_server) as rooms,
        joined(rooms) as (side, _),
    ):
        await asyncio.to_thread(own_livekit_server.kill)
        await side.until(MediaInterrupted)
    assert side.seen[-1] == MediaClosed(LeaveReason.LEFT)


async def test_a_join_that_is_cancelled_leaves_no_bot_behind(
    livekit_server: "LiveKitServer",
) -> None:
    call = new_connection_id()
    room = room_name_for(call)
    async with _rooms(livekit_server) as rooms:
        await rooms.create(RoomRequest(room, call, empty_timeout_s=30, max_participants=5))

        async def join() -> None:
            async with rooms.join(room, bot_identity_for(call), "Agent"):
                pytest.fail("joined although it was cancelled")

        entrance = await rooms.open_entrance()
        joining = asyncio.create_task(join())
        while not entrance._stragglers and not joining.done():
            await asyncio.sleep(0)
            joining.cancel()
        await asyncio.wait([joining])
        assert joining.cancelled()
        await rooms.aclose()
    async with api.LiveKitAPI(
        livekit_server.url, livekit_server.api_key, livekit_server.api_secret
    ) as server:
        wanted = api.ListParticipantsRequest(room=room)
        assert not (await server.room.list_participants(wanted)).participants


async def test_a_bot_is_an_agent_to_clients(rooms: LiveKitRooms) -> None:
    async with joined(rooms) as (side, token), Caller.join(rooms.url, token) as caller:
        await caller.wait_for_agent_track()
        (agent,) = caller.room.remote_participants.values()
        assert agent.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        (track,) = agent.track_publications.values()
        assert (track.name, track.source) == ("ai-audio", rtc.TrackSource.SOURCE_MICROPHONE)
        assert Identity(agent.identity) == side.bot._room.local_participant.identity
