"""The sound of a room in memory: an output that plays in the clock's time, and microphones."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from bridge.errors import RoomError
from bridge.ids import Identity
from bridge.media.playout import Playout
from bridge.pcm import FRAME_MS, ROOM_FRAME_BYTES, ROOM_RATE_HZ, TICK_MS, duration_ms
from bridge.ports.clock import Clock
from bridge.ports.room import AudioOutput

# As the real ones have them.
_QUEUE_MS = 60
_RING_FRAMES = 10


class FakeOutput:
    """Plays what is written in the clock's time, and keeps what was played."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._segments: list[tuple[float, bytes]] = []  # when it starts, what it is
        self._runs_dry_at_s = 0.0
        self._closed = False
        self.writes = 0
        self.clears = 0

    async def write(self, frame: memoryview) -> None:
        if self._closed:
            raise RoomError("the bot's track is closed")
        assert len(frame) % (ROOM_FRAME_BYTES * TICK_MS // FRAME_MS) == 0
        self.writes += 1
        start_s = max(self._runs_dry_at_s, self._clock.monotonic_s())
        self._segments.append((start_s, bytes(frame)))
        self._runs_dry_at_s = start_s + duration_ms(len(frame), ROOM_RATE_HZ) / 1000
        while self.queued_ms - _QUEUE_MS > 0.001:
            await self._clock.sleep((self.queued_ms - _QUEUE_MS) / 1000)

    def clear(self) -> None:
        self.clears += 1
        now_s = self._clock.monotonic_s()
        self._segments = [(at, self._until(now_s, at, pcm)) for at, pcm in self._segments]
        self._runs_dry_at_s = now_s

    @property
    def queued_ms(self) -> float:
        return max(0.0, (self._runs_dry_at_s - self._clock.monotonic_s()) * 1000)

    @property
    def played(self) -> bytes:
        """What has been played up to now, without the silence between."""
        now_s = self._clock.monotonic_s()
        return b"".join(self._until(now_s, at, pcm) for at, pcm in self._segments)

    def close(self) -> None:
        self.clear()
        self._closed = True

    @staticmethod
    def _until(now_s: float, start_s: float, pcm: bytes) -> bytes:
        samples = round(max(0.0, now_s - start_s) * ROOM_RATE_HZ)
        return pcm[: samples * 2]


async def keep_writing(playout: Playout, output: AudioOutput) -> NoReturn:
    """Write what is to be played for as long as the task lives, as a conversation does."""
    while True:
        await output.write(await playout.next_frame())


class FakeSpeaker:
    """A human's microphone, as one bot hears it."""

    def __init__(self, sid: str, identity: Identity) -> None:
        self._sid = sid
        self._identity = identity
        self._frames: deque[memoryview | None] = deque()
        self._changed = asyncio.Event()
        self._dropped = 0

    @property
    def sid(self) -> str:
        return self._sid

    @property
    def identity(self) -> Identity:
        return self._identity

    @property
    def dropped_ms(self) -> float:
        return float(self._dropped * FRAME_MS)

    @asynccontextmanager
    async def frames(self) -> AsyncIterator[AsyncIterator[memoryview]]:
        yield self._read()

    def put(self, frame: memoryview | None) -> None:
        if len(self._frames) == _RING_FRAMES:
            self._frames.popleft()
            self._dropped += 1
        self._frames.append(frame)
        self._changed.set()

    async def _read(self) -> AsyncIterator[memoryview]:
        while True:
            while not self._frames:
                self._changed.clear()
                await self._changed.wait()
            frame = self._frames.popleft()
            if frame is None:
                return
            yield frame
