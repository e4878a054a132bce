"""How does sound go through the SDK as it is? For versions whose insides we do not know."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from livekit import rtc

from bridge.logs import get_logger
from bridge.pcm import FRAME_MS, ROOM_RATE_HZ
from bridge.room.frame_ring import FrameRing
from bridge.room.output import SourceOutput

# An AudioStream's queue drops nothing while it holds more than our ring does.
_CLOSE_S: Final = 2.0

_log = get_logger(__name__)


class SdkAudio:
    """An `Audio` of public parts of the SDK alone."""

    def output(self) -> SourceOutput:
        return SourceOutput()

    @asynccontextmanager
    async def listen(self, track: rtc.RemoteAudioTrack, ring: FrameRing) -> AsyncIterator[None]:
        stream = rtc.AudioStream(
            track, sample_rate=ROOM_RATE_HZ, num_channels=1, frame_size_ms=FRAME_MS
        )
        pump = asyncio.create_task(_pump(stream, ring), name="audio-stream")
        try:
            yield
        finally:
            await _close(stream, pump)

    def entered(self, room: rtc.Room) -> None:
        """Change nothing: the SDK offers each event to every room."""


async def _pump(stream: rtc.AudioStream, ring: FrameRing) -> None:
    async for event in stream:
        ring.put(event.frame.data.cast("B"))
    ring.end()


async def _close(stream: rtc.AudioStream, pump: asyncio.Task[None]) -> None:
    """Close a stream, which ends its pump."""
    try:
        async with asyncio.timeout(_CLOSE_S):
            # Raised where the native side has let go of the stream first, with its track or its
            # room: the SDK asserts that it did not. Then the stream is ending by itself.
            with suppress(AssertionError):
                await stream.aclose()
            await asyncio.wait({pump})
    except TimeoutError:
        _log.warning("an audio stream did not close in time")
        pump.cancel()
