"""What of a microphone waits to be read: frames between the SDK's threads and one reader."""

from collections import deque
from typing import Final

from bridge.pcm import FRAME_MS, ROOM_FRAME_BYTES
from bridge.room.bell import Bell

# 200 ms: what a busy event loop may keep waiting before the oldest sound is not worth having.
_FRAMES: Final = 10


class FrameRing:
    """Filled by any one thread, iterated by one task. When full, drops the oldest and counts."""

    def __init__(self) -> None:
        self._frames: deque[memoryview] = deque(maxlen=_FRAMES)
        self._bell = Bell()
        self._dropped = 0
        self._ended = False

    @property
    def dropped_ms(self) -> float:
        return float(self._dropped * FRAME_MS)

    @property
    def ended(self) -> bool:
        return self._ended

    def put(self, frame: memoryview) -> None:
        """Add a frame; one that is not of 20 ms is dropped. After the end it is forgotten."""
        if self._ended:
            return
        if len(frame) != ROOM_FRAME_BYTES:
            # What mixes and measures takes whole frames: a stranger's odd one must not end a call.
            self._dropped += 1
            return
        self._dropped += len(self._frames) == _FRAMES
        self._frames.append(frame)
        self._bell.ring()

    def end(self) -> None:
        """Note that no more frames come; those that wait are still read."""
        self._ended = True
        self._bell.ring()

    def __aiter__(self) -> "FrameRing":
        return self

    async def __anext__(self) -> memoryview:
        await self._bell.wait_until(self._has_news)
        if not self._frames:
            raise StopAsyncIteration
        return self._frames.popleft()

    def _has_news(self) -> bool:
        return bool(self._frames) or self._ended
