"""How does the bot speak through the SDK as it is: frames into its source, and what is queued.

What the SDK asks of us (livekit 1.2): never two captures at once, never cancel one (the native
side keeps its completion and refuses the next), and nothing shorter than 10 ms, which would
never play.
"""

import asyncio
import contextlib
from typing import Final

from livekit import rtc

from bridge.errors import RoomError
from bridge.pcm import BYTES_PER_SAMPLE, ROOM_RATE_HZ, TICK_MS

# What the native side holds before `write` waits: how long the event loop may stand still while
# the agent speaks. It adds no latency: `clear` empties it, and it is only ever full when the model
# is ahead. Measured on 2026-11-23, the loop blocked for 150 ms once a second: 60 ms tore 250 ms
# of holes into 5 s of speech, 120 ms up to 80, 200 ms none.
QUEUE_MS: Final = 200
# A capture ends within a frame; one that takes this long will not end at all.
CAPTURE_S: Final = 2.0

_TICK_BYTES: Final = TICK_MS * ROOM_RATE_HZ // 1000 * BYTES_PER_SAMPLE


class SourceOutput:
    """An `Output` over one `rtc.AudioSource`."""

    def __init__(self) -> None:
        self._source = rtc.AudioSource(ROOM_RATE_HZ, 1, queue_size_ms=QUEUE_MS)
        self._capture: asyncio.Task[None] | None = None
        self._clears = 0
        self._uncaptured_ms = 0.0  # of a write whose capture has not begun
        self._written_ms = 0.0
        self._closed = False

    def create_track(self, name: str) -> rtc.LocalAudioTrack:
        """Return a track of this sound. Only while a room is connected: see `Caller`."""
        return rtc.LocalAudioTrack.create_audio_track(name, self._source)

    async def write(self, frame: memoryview) -> None:
        """See `AudioOutput.write`. A cancelled write is finished in the background."""
        await self._finish_capture()
        if self._closed:
            raise RoomError("the bot's track is closed")
        padded = _pad(frame)
        self._uncaptured_ms = padded.duration * 1000
        # Owned by this object: the next write and `aclose` wait for it.
        self._capture = asyncio.create_task(
            self._capture_frame(padded, self._clears), name="audio-capture"
        )
        await self._finish_capture()

    def clear(self) -> None:
        self._clears += 1
        self._uncaptured_ms = 0.0
        self._source.clear_queue()

    @property
    def queued_ms(self) -> float:
        return self._source.queued_duration * 1000 + self._uncaptured_ms

    async def aclose(self) -> None:
        """Silence the track and free it; later writes fail."""
        if self._closed:
            return
        self._closed = True
        self.clear()
        with contextlib.suppress(RoomError):
            await self._finish_capture()
        if self._capture is not None:
            self._capture.cancel()
        await self._source.aclose()

    def __str__(self) -> str:
        return f"SourceOutput({self._written_ms:.0f} ms written, {self.queued_ms:.0f} ms queued)"

    async def _finish_capture(self) -> None:
        capture = self._capture
        if capture is None:
            return
        # Unlike `wait_for` this leaves the capture alone, whether time is up or we are cancelled.
        done, _ = await asyncio.wait({capture}, timeout=CAPTURE_S)
        if not done:
            raise RoomError("LiveKit's audio source is stuck")
        if self._capture is capture:
            self._capture = None
        capture.result()

    async def _capture_frame(self, frame: rtc.AudioFrame, clears: int) -> None:
        if clears != self._clears:
            return  # cleared between being written and being captured
        self._uncaptured_ms = 0.0
        try:
            await self._source.capture_frame(frame)
        except Exception as error:  # the SDK raises nothing narrower
            raise RoomError("LiveKit refused a frame") from error
        self._written_ms += frame.duration * 1000


def _pad(frame: memoryview) -> rtc.AudioFrame:
    missing = -len(frame) % _TICK_BYTES
    pcm = bytes(frame) + bytes(missing) if missing else frame
    return rtc.AudioFrame(pcm, ROOM_RATE_HZ, 1, len(pcm) // BYTES_PER_SAMPLE)
