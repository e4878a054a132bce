"""What the router takes for granted of the SDK's insides, and that nothing it opened stays open."""

import asyncio
import hashlib
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import audio_frame_pb2, ffi_pb2
from livekit.rtc.version import __version__

from bridge.ids import (
    bot_identity_for,
    new_caller_identity,
    new_connection_id,
    room_name_for,
)
from bridge.ports.room import RoomRequest
from bridge.ports.room_event import SpeakerStarted
from bridge.room import audio as audio_module
from bridge.room import ffi_router
from bridge.room.audio import best_audio
from bridge.room.bot import RoomBot
from bridge.room.caller import Caller
from bridge.room.direct_audio import DirectAudio
from bridge.room.sdk_audio import SdkAudio
from bridge.room.service import LiveKitRooms
from bridge.room.speaker import TrackSpeaker
from tests.tones import amplitude_at, tone

if TYPE_CHECKING:
    from tests.livekit_server import LiveKitServer

SOON_S = 30.0

# Of the sources of what `INSIDES` names. When this fails, read what has changed there; then change
# the router, or only this and KNOWN_VERSION. Until then the bridge uses the SDK's own queue.
FINGERPRINT = "9c493796b2aa0aa6"


def test_the_insides_of_the_sdk_are_those_that_are_known() -> None:
    sources = "".join(inspect.getsource(inside) for inside in ffi_router.INSIDES)
    assert __version__ == ffi_router.KNOWN_VERSION
    assert hashlib.sha256(sources.encode()).hexdigest()[:16] == FINGERPRINT


def test_the_first_byte_of_an_event_tells_what_it_is() -> None:
    stream = ffi_pb2.FfiEvent(audio_stream_event=audio_frame_pb2.AudioStreamEvent(stream_handle=1))
    capture = ffi_pb2.FfiEvent(
        capture_audio_frame=audio_frame_pb2.CaptureAudioFrameCallback(async_id=1)
    )
    assert stream.SerializeToString()[0] == ffi_router.STREAM_TAG
    assert capture.SerializeToString()[0] == ffi_router.CAPTURE_TAG
    others = {field.number for field in ffi_pb2.FfiEvent.DESCRIPTOR.fields} - {4, 13}
    tags = {(number << 3 | 2) & 0x7F | (0x80 if number > 15 else 0) for number in others}
    assert not tags & {ffi_router.STREAM_TAG, ffi_router.CAPTURE_TAG}


def test_an_unknown_sdk_is_left_alone_and_said_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audio_module, "sdk_version", "9.9.9")
    queue = FfiClient.instance.queue
    assert isinstance(best_audio.__wrapped__(), SdkAudio)
    assert FfiClient.instance.queue is queue
    assert "9.9.9" in capsys.readouterr().out


@asynccontextmanager
async def _call(server: "LiveKitServer") -> AsyncIterator[tuple[RoomBot, str]]:
    """A room with a bot in it, and a token for a caller."""
    call = new_connection_id()
    name = room_name_for(call)
    async with LiveKitRooms(server.url, server.api_key, server.api_secret, "host-router") as rooms:
        await rooms.create(RoomRequest(name, call, empty_timeout_s=30, max_participants=5))
        token = rooms.mint_caller_token(name, new_caller_identity(), "Ada", ttl_s=60)
        async with rooms.join(name, bot_identity_for(call), "Agent") as bot:
            assert isinstance(bot, RoomBot)
            await bot.publish()
            yield bot, token.jwt
        await rooms.delete(name)


async def _speaker(bot: RoomBot) -> TrackSpeaker:
    async for event in bot.events():
        if isinstance(event, SpeakerStarted):
            assert isinstance(event.track, TrackSpeaker)
            return event.track
    pytest.fail("nobody speaks")


async def _is_heard(frames: AsyncIterator[memoryview], hz: float) -> None:
    async with asyncio.timeout(SOON_S):
        async for frame in frames:
            if amplitude_at(frame, hz) > 4000:
                return
    pytest.fail("the frames ended")


@pytest.mark.e2e
async def test_a_call_leaves_no_route_behind(livekit_server: "LiveKitServer") -> None:
    direct = best_audio()
    assert isinstance(direct, DirectAudio)
    async with _call(livekit_server) as (bot, jwt), Caller.join(livekit_server.url, jwt) as caller:
        speaker = await _speaker(bot)
        speaking = asyncio.create_task(caller.play(tone(440, ms=500)))
        async with speaker.frames() as frames:
            await _is_heard(frames, 440)
            assert direct.router.open_streams >= 1
        await speaking
        assert direct.router.routed_rooms == 2
    async with asyncio.timeout(SOON_S):
        while direct.router.open_streams or direct.router.routed_rooms:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert FfiClient.instance.queue._subscribers == []


@pytest.mark.e2e
async def test_the_sdks_own_streams_and_sources_work_beside_the_router(
    livekit_server: "LiveKitServer",
) -> None:
    async with (
        _call(livekit_server) as (bot, jwt),
        Caller.join(livekit_server.url, jwt, audio=SdkAudio()) as caller,
    ):
        speaker = await _speaker(bot)
        speaking = asyncio.create_task(caller.play(tone(440, ms=2000)))
        async with speaker.frames() as frames:
            await _is_heard(frames, 440)
        stream = rtc.AudioStream(speaker._track, sample_rate=48_000, frame_size_ms=20)
        await _is_heard((e.frame.data.cast("B") async for e in stream), 440)
        await stream.aclose()
        await speaking
