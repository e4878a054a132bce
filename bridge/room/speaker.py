"""What does one participant say: its track as frames, bounded, with what was lost counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from livekit import rtc

# AudioStream's own queue is this one; it drops the oldest frame without counting.
from livekit.rtc._utils import RingQueue

from bridge.ids import Identity
from bridge.logs import get_logger
from bridge.pcm import FRAME_MS, ROOM_RATE_HZ

# 200 ms: what a busy event loop may keep waiting before the oldest sound is not worth having.
_RING_FRAMES: Final = 10
_CLOSE_S: Final = 2.0

_log = get_logger(__name__)


class _CountingRing(RingQueue[rtc.AudioFrameEvent | None]):
    def __init__(self) -> None:
        super().__init__(_RING_FRAMES)
        self.dropped = 0

    def put(self, item: rtc.AudioFrameEvent | None) -> None:
        if len(self._queue) == _RING_FRAMES:
            self.dropped += 1
        super().put(item)


class TrackSpeaker:
    """A `SpeakerTrack` over a subscribed LiveKit track. Its frames are read once."""

    def __init__(self, track: rtc.RemoteAudioTrack, sid: str, identity: Identity) -> None:
        self._track = track
        self._sid = sid
        self._identity = identity
        self._ring = _CountingRing()
        self._ended = False

    @property
    def sid(self) -> str:
        return self._sid

    @property
    def identity(self) -> Identity:
        return self._identity

    @property
    def dropped_ms(self) -> float:
        return float(self._ring.dropped * FRAME_MS)

    @asynccontextmanager
    async def frames(self) -> AsyncIterator[AsyncIterator[memoryview]]:
        """See `SpeakerTrack.frames`; keeps at most 200 ms for a reader that falls behind."""
        if self._ended:
            yield self._read()
            return
        stream = rtc.AudioStream(
            self._track, sample_rate=ROOM_RATE_HZ, num_channels=1, frame_size_ms=FRAME_MS
        )
        # Before its task has run for the first time, so that no frame goes to the other one.
        stream._queue = self._ring  # noqa: SLF001 (no public way to count what it drops)
        try:
            yield self._read()
        finally:
            await _close(stream)

    def end(self) -> None:
        """End `frames()`: the SDK does not, for a track that a full reconnect replaces."""
        if not self._ended:
            self._ended = True
            self._ring.put(None)

    def __str__(self) -> str:
        return f"TrackSpeaker({self._sid}, {self.dropped_ms:.0f} ms dropped)"

    async def _read(self) -> AsyncIterator[memoryview]:
        while (event := await self._ring.get()) is not None:
            yield event.frame.data.cast("B")


async def _close(stream: rtc.AudioStream) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            try:
                await stream.aclose()
            except AssertionError:
                # The native side has let go of the stream first, with its track or its room:
                # the SDK asserts that it did not, and leaves its own task to run out.
                await asyncio.wait({stream._task})  # noqa: SLF001
    except TimeoutError:
        _log.warning("an audio stream did not close in time")
