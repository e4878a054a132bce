"""What the domain may rely on of LiveKit: the same facts of the fake rooms and of a real server."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import pytest

from bridge.errors import RoomError, RoomRejected, RoomUnreachable
from bridge.ids import (
    ConnectionId,
    Identity,
    RoomName,
    bot_identity_for,
    new_caller_identity,
    new_connection_id,
    room_name_for,
)
from bridge.pcm import ROOM_FRAME_BYTES
from bridge.ports.call import AgentState
from bridge.ports.room import Bot, RoomRequest, RoomService, Segment
from bridge.ports.room_event import (
    ChatReceived,
    HumanJoined,
    HumanLeft,
    LeaveReason,
    MediaClosed,
    MicrophoneMuted,
    OutputSubscribed,
    RoomEvent,
    SpeakerStarted,
    SpeakerStopped,
    SpeakerTrack,
)
from bridge.room.audio import best_audio
from bridge.room.direct_audio import DirectAudio
from bridge.room.sdk_audio import SdkAudio
from tests.contract.room_worlds import FakeWorld, Human, RealWorld, World
from tests.tones import amplitude_at, tone

SOON_S = 30.0
EventT = TypeVar("EventT", bound=RoomEvent)


@pytest.fixture(
    params=[
        "fake",
        pytest.param("direct", marks=pytest.mark.e2e),
        pytest.param("sdk", marks=pytest.mark.e2e),
    ]
)
async def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return FakeWorld()
    server = request.getfixturevalue("livekit_server")
    if request.param == "sdk":
        return RealWorld(server, SdkAudio())
    audio = best_audio()
    assert isinstance(audio, DirectAudio)
    return RealWorld(server, audio)


@pytest.fixture
async def rooms(world: World) -> AsyncIterator[RoomService]:
    async with world.rooms() as service:
        yield service


@pytest.fixture
async def connection_id(rooms: RoomService) -> AsyncIterator[ConnectionId]:
    """A call whose room exists."""
    connection_id = new_connection_id()
    await rooms.create(_request(connection_id))
    yield connection_id
    await rooms.delete(room_name_for(connection_id))


@pytest.fixture
async def bot(rooms: RoomService, connection_id: ConnectionId) -> AsyncIterator[Bot]:
    """The call's bot, in its room."""
    room = room_name_for(connection_id)
    async with rooms.join(room, bot_identity_for(connection_id), "Agent") as joined:
        await joined.publish()
        yield joined


Enter = Callable[[], AbstractAsyncContextManager[Human]]


@pytest.fixture
def enter(world: World, rooms: RoomService, connection_id: ConnectionId) -> Enter:
    """Lets a human into the call's room, without a microphone at first."""

    def enter_room() -> AbstractAsyncContextManager[Human]:
        room = room_name_for(connection_id)
        token = rooms.mint_caller_token(room, new_caller_identity(), "Ada", ttl_s=60)
        return world.human(token.jwt)

    return enter_room


def _request(connection_id: ConnectionId) -> RoomRequest:
    name = room_name_for(connection_id)
    return RoomRequest(name, connection_id, empty_timeout_s=30, max_participants=5)


async def _next(events: AsyncIterator[RoomEvent], kind: type[EventT]) -> EventT:
    """Return the next event of one kind, passing over others."""
    async with asyncio.timeout(SOON_S):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the events ended without a {kind.__name__}")


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not holds():  # noqa: ASYNC110 - what people read offers nothing to wait on
            await asyncio.sleep(0.02)


async def _hears(track: SpeakerTrack, human: Human, hz: float) -> None:
    """Return once the tone that the human makes comes out of the track."""
    speaking = asyncio.create_task(human.speak(tone(hz, ms=2000)))
    async with asyncio.timeout(SOON_S), track.frames() as frames:
        async for frame in frames:
            assert len(frame) == ROOM_FRAME_BYTES
            if amplitude_at(frame, hz) > 4000:
                break
    await speaking


class TestRooms:
    async def test_humans_of_a_room_are_those_who_are_in_it(
        self, rooms: RoomService, connection_id: ConnectionId, bot: Bot, enter: Enter
    ) -> None:
        del bot  # in the room, and no human
        name = room_name_for(connection_id)
        assert await rooms.humans(name) == frozenset()
        async with enter() as human:
            assert await rooms.humans(name) == {human.identity}
            await human.leave()
            async with asyncio.timeout(SOON_S):
                while await rooms.humans(name):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)  # LiveKit tells its API's callers of no change
        assert await rooms.humans(room_name_for(new_connection_id())) == frozenset()

    async def test_a_created_room_exists_until_it_is_deleted(self, rooms: RoomService) -> None:
        connection_id = new_connection_id()
        name = room_name_for(connection_id)
        assert not await rooms.exists(name)
        await rooms.create(_request(connection_id))
        assert await rooms.exists(name)
        await rooms.delete(name)
        assert not await rooms.exists(name)

    async def test_creating_twice_and_deleting_twice_are_no_errors(
        self, rooms: RoomService
    ) -> None:
        connection_id = new_connection_id()
        await rooms.create(_request(connection_id))
        await rooms.create(_request(connection_id))
        await rooms.delete(room_name_for(connection_id))
        await rooms.delete(room_name_for(connection_id))

    async def test_a_host_owns_only_what_it_created(self, world: World) -> None:
        mine, theirs = (f"host-{secrets.token_hex(4)}" for _ in range(2))
        connection_id = new_connection_id()
        async with world.rooms(mine) as rooms, world.rooms(theirs) as other_rooms:
            await rooms.create(_request(connection_id))
            await other_rooms.create(_request(new_connection_id()))
            (owned,) = await rooms.owned()
            assert (owned.name, owned.connection_id) == (
                room_name_for(connection_id),
                connection_id,
            )
            for room in (owned, *await other_rooms.owned()):
                await rooms.delete(room.name)

    async def test_a_restarted_host_still_owns_its_rooms(self, world: World) -> None:
        host_id = f"host-{secrets.token_hex(4)}"
        async with world.rooms(host_id) as rooms:
            await rooms.create(_request(new_connection_id()))
        async with world.rooms(host_id) as rooms:
            (owned,) = await rooms.owned()
            await rooms.delete(owned.name)

    async def test_room_made_for_a_late_caller_is_nobody_s(self, world: World) -> None:
        connection_id = new_connection_id()
        name = room_name_for(connection_id)
        async with world.rooms() as rooms:
            await rooms.create(_request(connection_id))
            assert name not in await rooms.unclaimed()
            await rooms.delete(name)
            token = rooms.mint_caller_token(name, new_caller_identity(), "Ada", ttl_s=60)
            async with world.human(token.jwt):
                assert name in await rooms.unclaimed()
                assert name not in {room.name for room in await rooms.owned()}
                await rooms.delete(name)

    async def test_no_answer_is_unreachable(self, world: World) -> None:
        connection_id = new_connection_id()
        name = room_name_for(connection_id)
        async with world.unreachable() as rooms:
            with pytest.raises(RoomUnreachable):
                await rooms.create(_request(connection_id))
            with pytest.raises(RoomUnreachable):
                await rooms.delete(name)
            with pytest.raises(RoomUnreachable):
                await rooms.exists(name)
            with pytest.raises(RoomUnreachable):
                await rooms.owned()
            with pytest.raises(RoomUnreachable):
                await rooms.unclaimed()
            with pytest.raises(RoomUnreachable):
                async with rooms.join(name, bot_identity_for(connection_id), "Agent"):
                    pytest.fail("joined a server that is not there")

    async def test_wrong_keys_are_rejected(self, world: World) -> None:
        connection_id = new_connection_id()
        name = room_name_for(connection_id)
        async with world.rejecting() as rooms:
            with pytest.raises(RoomRejected) as refused:
                await rooms.create(_request(connection_id))
            assert "not-the-secret" not in str(refused.value)
            with pytest.raises(RoomRejected):
                await rooms.delete(name)
            with pytest.raises(RoomRejected):
                async with rooms.join(name, bot_identity_for(connection_id), "Agent"):
                    pytest.fail("joined with the wrong keys")


class TestHumans:
    async def test_who_is_already_there_is_reported(
        self, rooms: RoomService, connection_id: ConnectionId, enter: Enter
    ) -> None:
        room, identity = room_name_for(connection_id), bot_identity_for(connection_id)
        async with enter() as human:
            await human.publish()
            async with rooms.join(room, identity, "Agent") as bot:
                events = bot.events()
                joined = await _next(events, HumanJoined)
                assert (joined.identity, joined.name) == (human.identity, "Ada")
                started = await _next(events, SpeakerStarted)
                assert started.track.identity == human.identity

    async def test_who_comes_and_goes_is_reported(self, bot: Bot, enter: Enter) -> None:
        events = bot.events()
        async with enter() as human:
            await human.publish()
            assert (await _next(events, HumanJoined)).identity == human.identity
            await _next(events, SpeakerStarted)
            await human.leave()
            assert await _next(events, HumanLeft) == HumanLeft(human.identity, LeaveReason.LEFT)

    async def test_a_microphone_is_heard(self, bot: Bot, enter: Enter) -> None:
        events = bot.events()
        async with enter() as human:
            await human.publish()
            track = (await _next(events, SpeakerStarted)).track
            await _hears(track, human, hz=440)

    async def test_frames_end_when_the_microphone_is_unpublished(
        self, bot: Bot, enter: Enter
    ) -> None:
        events = bot.events()
        async with enter() as human:
            await human.publish()
            track = (await _next(events, SpeakerStarted)).track
            async with asyncio.timeout(SOON_S), track.frames() as frames:
                await human.unpublish()
                async for _ in frames:
                    pass
            assert (await _next(events, SpeakerStopped)).track_sid == track.sid

    async def test_frames_of_a_track_that_is_gone_end_at_once(self, bot: Bot, enter: Enter) -> None:
        events = bot.events()
        async with enter() as human:
            await human.publish()
            track = (await _next(events, SpeakerStarted)).track
            await human.unpublish()
            await _next(events, SpeakerStopped)
            async with asyncio.timeout(SOON_S), track.frames() as frames:
                assert [frame async for frame in frames] == []

    async def test_muting_is_reported(self, bot: Bot, enter: Enter) -> None:
        events = bot.events()
        async with enter() as human:
            await human.publish()
            await _next(events, SpeakerStarted)
            human.mute()
            muted = await _next(events, MicrophoneMuted)
            assert muted == MicrophoneMuted(human.identity, muted=True)
            human.unmute()
            unmuted = await _next(events, MicrophoneMuted)
            assert unmuted == MicrophoneMuted(human.identity, muted=False)

    async def test_another_bot_is_no_human(
        self, bot: Bot, rooms: RoomService, connection_id: ConnectionId, enter: Enter
    ) -> None:
        events = bot.events()
        room = room_name_for(connection_id)
        async with rooms.join(room, Identity("bot-other"), "Other"), enter() as human:
            await human.publish()
            seen: list[RoomEvent] = []
            async with asyncio.timeout(SOON_S):
                async for event in events:
                    seen.append(event)
                    if isinstance(event, SpeakerStarted):
                        break
            identities = {e.identity for e in seen if isinstance(e, HumanJoined)}
            tracks = {e.track.identity for e in seen if isinstance(e, SpeakerStarted)}
            assert identities == tracks == {human.identity}


class TestOutput:
    async def test_the_first_listener_is_reported(self, bot: Bot, enter: Enter) -> None:
        events = bot.events()
        async with enter():
            await _next(events, OutputSubscribed)

    async def test_what_is_not_published_has_no_listeners(
        self, rooms: RoomService, connection_id: ConnectionId, enter: Enter
    ) -> None:
        room, identity = room_name_for(connection_id), bot_identity_for(connection_id)
        async with rooms.join(room, identity, "Agent") as bot, enter() as human:
            events = bot.events()
            await human.publish()
            seen = [await anext(events), await anext(events)]
            assert [type(event) for event in seen] == [HumanJoined, SpeakerStarted]
            await bot.publish()
            await _next(events, OutputSubscribed)

    async def test_writing_is_paced_in_real_time(self, bot: Bot) -> None:
        clock = asyncio.get_running_loop()
        began_s = clock.time()
        async with asyncio.timeout(SOON_S):
            for _ in range(30):
                await bot.output.write(memoryview(bytes(ROOM_FRAME_BYTES)))
        took_s = clock.time() - began_s
        # 600 ms of sound, of which the source holds up to 200 ms and a frame.
        assert 0.3 < took_s < 1.2
        assert 20 < bot.output.queued_ms <= 240

    async def test_clear_forgets_what_is_queued(self, bot: Bot) -> None:
        for _ in range(3):
            await bot.output.write(memoryview(bytes(ROOM_FRAME_BYTES)))
        assert bot.output.queued_ms > 20
        bot.output.clear()
        assert bot.output.queued_ms == 0

    async def test_a_cancelled_write_leaves_the_output_usable(self, bot: Bot) -> None:
        async def write_much() -> None:
            while True:
                await bot.output.write(memoryview(bytes(ROOM_FRAME_BYTES)))

        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await write_much()
        async with asyncio.timeout(SOON_S):
            await bot.output.write(memoryview(bytes(ROOM_FRAME_BYTES)))


class TestKeys:
    async def test_pressed_keys_are_received_in_order(self, bot: Bot, enter: Enter) -> None:
        async with enter() as human:
            async with asyncio.timeout(SOON_S):
                await bot.press_keys("10*#A")
                await bot.press_keys("1D")
            await _until(lambda: human.keys() == "10*#A1D")


class TestText:
    async def test_the_bots_words_and_state_are_read_by_everybody(
        self, bot: Bot, connection_id: ConnectionId, enter: Enter
    ) -> None:
        async with enter() as human:
            await _until(lambda: human.agent_states() == ["initializing"])
            bot.tell_agent_state(AgentState.LISTENING)
            bot.tell_text(Segment("s1", None, "Hello there.", final=True))
            await _until(lambda: human.agent_states()[-1:] == ["listening"])
            await _until(lambda: bool(human.read()))
            (segment,) = human.read()
            assert segment.speaker in (None, bot_identity_for(connection_id))
            assert (segment.segment_id, segment.text, segment.final) == (
                "s1",
                "Hello there.",
                True,
            )

    async def test_a_humans_words_are_shown_in_its_name(self, bot: Bot, enter: Enter) -> None:
        events = bot.events()
        async with enter() as human, enter() as other:
            await human.publish()
            await _next(events, SpeakerStarted)
            bot.tell_text(Segment("u1", human.identity, "What", final=False))
            await _until(lambda: bool(human.read() and other.read()))
            bot.tell_text(Segment("u1", human.identity, "What time?", final=True))
            await _until(lambda: len(human.read()) == len(other.read()) == 2)
            assert human.read() == other.read()
            assert human.read() == [
                Segment("u1", human.identity, "What", final=False),
                Segment("u1", human.identity, "What time?", final=True),
            ]

    async def test_what_a_human_writes_is_received(self, bot: Bot, enter: Enter) -> None:
        events = bot.events()
        async with enter() as human:
            await _next(events, HumanJoined)
            await human.write("Call me Ada.\nPlease.")
            chat = await _next(events, ChatReceived)
            assert chat == ChatReceived(human.identity, "Call me Ada.\nPlease.")

    async def test_telling_after_the_end_is_no_error(
        self, rooms: RoomService, connection_id: ConnectionId
    ) -> None:
        room, identity = room_name_for(connection_id), bot_identity_for(connection_id)
        async with rooms.join(room, identity, "Agent") as bot:
            pass
        bot.tell_text(Segment("s1", None, "Too late.", final=True))
        bot.tell_agent_state(AgentState.SPEAKING)


class TestTheEnd:
    async def test_a_bot_that_leaves_has_its_last_event(
        self, rooms: RoomService, connection_id: ConnectionId
    ) -> None:
        room, identity = room_name_for(connection_id), bot_identity_for(connection_id)
        async with rooms.join(room, identity, "Agent") as bot:
            events = bot.events()
        assert [event async for event in events] == [MediaClosed(LeaveReason.LEFT)]
        with pytest.raises(RoomError):
            await bot.output.write(memoryview(bytes(ROOM_FRAME_BYTES)))

    @pytest.mark.parametrize("empties", [True, False])
    async def test_a_bot_that_leaves_puts_humans_out_only_where_it_is_told_to(
        self, rooms: RoomService, connection_id: ConnectionId, enter: Enter, *, empties: bool
    ) -> None:
        room, identity = room_name_for(connection_id), bot_identity_for(connection_id)
        async with enter() as ada:
            async with rooms.join(room, identity, "Agent", empties=empties) as bot:
                await ada.publish()
                await _next(bot.events(), SpeakerStarted)
            assert await rooms.humans(room) == (frozenset() if empties else {ada.identity})

    async def test_a_deleted_room_closes_the_media(
        self, bot: Bot, rooms: RoomService, connection_id: ConnectionId
    ) -> None:
        events = bot.events()
        await rooms.delete(RoomName(room_name_for(connection_id)))
        assert await _next(events, MediaClosed) == MediaClosed(LeaveReason.ROOM_DELETED)

    async def test_a_second_bot_of_the_call_evicts_the_first(
        self, bot: Bot, rooms: RoomService, connection_id: ConnectionId
    ) -> None:
        events = bot.events()
        room, identity = room_name_for(connection_id), bot_identity_for(connection_id)
        async with rooms.join(room, identity, "Agent"):
            closed = await _next(events, MediaClosed)
        assert closed == MediaClosed(LeaveReason.DUPLICATE_IDENTITY)
