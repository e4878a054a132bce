"""How does the bot speak, past the SDK's queue: frames into the native source, and what is queued.

The native side copies a frame, and tells when its queue has room again. Nobody waits for that but
the next frame: while the agent speaks in real time, no capture ever wakes the event loop.
"""

import asyncio
import ctypes
import time
from typing import Final

from livekit import rtc
from livekit.rtc._proto import ffi_pb2

from bridge.errors import RoomError
from bridge.pcm import BYTES_PER_SAMPLE, ROOM_RATE_HZ, TICK_MS
from bridge.room.bell import Bell
from bridge.room.ffi_router import FfiRouter, Request
from bridge.room.output import CAPTURE_S, QUEUE_MS

# The native side holds twice its queue, and takes a frame only while that has room for it.
_LONGEST_MS: Final = QUEUE_MS
_BYTES_PER_MS: Final = ROOM_RATE_HZ * BYTES_PER_SAMPLE // 1000
_TICK_BYTES: Final = TICK_MS * _BYTES_PER_MS


class DirectOutput:
    """An `Output` over the native side of one `rtc.AudioSource`."""

    def __init__(self, router: FfiRouter) -> None:
        self._router = router
        self._source = rtc.AudioSource(ROOM_RATE_HZ, 1, queue_size_ms=QUEUE_MS)
        # Where the native side copies each frame from: one place, so that the request is always
        # the same for a given length.
        self._frame = bytearray(_LONGEST_MS * _BYTES_PER_MS)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._frame))
        self._requests: dict[int, Request] = {}
        self._completion = Bell()
        self._async_id = router.register_capture(self._completed)
        self._busy = False
        self._error = ""
        self._clears = 0
        self._waiting_ms = 0.0  # of a write that waits for the frame before it
        self._dry_at_s = 0.0
        self._written_ms = 0.0
        self._closed = False

    def create_track(self, name: str) -> rtc.LocalAudioTrack:
        """Return a track of this sound. Only while a room is connected: see `Caller`."""
        return rtc.LocalAudioTrack.create_audio_track(name, self._source)

    async def write(self, frame: memoryview) -> None:
        """See `AudioOutput.write`. A write that is cancelled while it waits writes nothing.

        A refusal is told to the write that follows.
        """
        clears = self._clears
        self._waiting_ms = len(frame) / _BYTES_PER_MS
        try:
            await self._until_idle()
            if clears == self._clears:
                self._capture(frame)
        finally:
            self._waiting_ms = 0.0

    def clear(self) -> None:
        self._clears += 1
        self._waiting_ms = 0.0
        self._dry_at_s = 0.0
        self._source.clear_queue()

    @property
    def queued_ms(self) -> float:
        return max(0.0, (self._dry_at_s - time.monotonic()) * 1000) + self._waiting_ms

    async def aclose(self) -> None:
        """Silence the track and free it; later writes fail."""
        if self._closed:
            return
        self._closed = True
        self.clear()
        self._completion.ring()
        self._router.forget_capture(self._async_id)
        await self._source.aclose()

    def __str__(self) -> str:
        return f"DirectOutput({self._written_ms:.0f} ms written, {self.queued_ms:.0f} ms queued)"

    def _completed(self, error: str) -> None:
        self._error = error
        self._busy = False
        self._completion.ring()

    async def _until_idle(self) -> None:
        if self._busy:
            try:
                async with asyncio.timeout(CAPTURE_S):
                    await self._completion.wait_until(self._is_idle)
            except TimeoutError:
                raise RoomError("LiveKit's audio source is stuck") from None
        if self._closed:
            raise RoomError("the bot's track is closed")
        if self._error:
            raise RoomError("LiveKit refused a frame")

    def _is_idle(self) -> bool:
        return not self._busy or self._closed

    def _capture(self, frame: memoryview) -> None:
        size = len(frame)
        padded = size + -size % _TICK_BYTES
        self._frame[:size] = frame
        if padded != size:
            self._frame[size:padded] = bytes(padded - size)
        request = self._requests.get(padded)
        if request is None:
            request = self._requests[padded] = self._request(padded)
        self._busy = True
        if not self._router.request(request):
            raise RoomError("LiveKit refused a frame")
        length_ms = padded / _BYTES_PER_MS
        self._dry_at_s = max(self._dry_at_s, time.monotonic()) + length_ms / 1000
        self._written_ms += length_ms

    def _request(self, size: int) -> Request:
        message = ffi_pb2.FfiRequest()
        capture = message.capture_audio_frame
        capture.source_handle = self._source._ffi_handle.handle  # noqa: SLF001
        capture.request_async_id = self._async_id
        capture.buffer.data_ptr = self._address
        capture.buffer.num_channels = 1
        capture.buffer.sample_rate = ROOM_RATE_HZ
        capture.buffer.samples_per_channel = size // BYTES_PER_SAMPLE
        return Request(message)
