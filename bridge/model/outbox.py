"""Which audio of the user waits to be sent? A bounded queue, measured in milliseconds."""

import asyncio
from collections import deque

from bridge.model.sent_times import SentTimes
from bridge.pcm import MODEL_RATE_HZ, byte_count, duration_ms


class AudioOutbox:
    """Audio between a source that never waits and a socket that may. When full, drops the oldest.

    While the socket takes everything at once, nothing waits here: see `passed`.

    One sender: what `take` gave counts as queued until `sent`.
    """

    def __init__(self, capacity_ms: int) -> None:
        self._capacity_bytes = byte_count(capacity_ms, MODEL_RATE_HZ)
        self._chunks: deque[bytes] = deque()
        self._queued_bytes = 0
        self._taken_bytes = 0
        self._sent_bytes = 0
        self._dropped_bytes = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._sent_times = SentTimes()

    def put_nowait(self, pcm: bytes | memoryview) -> None:
        """Queue a copy of `pcm`."""
        chunk = bytes(pcm)
        if excess := max(0, len(chunk) - self._capacity_bytes):
            chunk = chunk[excess:]
            self._dropped_bytes += excess
        self._chunks.append(chunk)
        self._queued_bytes += len(chunk)
        while self._queued_bytes > self._capacity_bytes:
            dropped = len(self._chunks.popleft())
            self._queued_bytes -= dropped
            self._dropped_bytes += dropped
        self._filled.set()
        self._emptied.clear()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is ahead of what comes next."""
        return not (self._queued_bytes or self._taken_bytes)

    async def emptied(self) -> None:
        """Wait until all has gone out, or been discarded. Cancelling it changes nothing."""
        await self._emptied.wait()

    def passed(self, byte_count: int) -> None:
        """Note audio that went out without waiting."""
        self._sent_bytes += byte_count
        self._sent_times.note(self.sent_ms)

    async def take(self) -> bytes:
        """Wait for the oldest chunk and return it. Cancelling loses nothing."""
        while not self._chunks:
            self._filled.clear()
            await self._filled.wait()
        chunk = self._chunks.popleft()
        self._queued_bytes -= len(chunk)
        self._taken_bytes = len(chunk)
        return chunk

    def sent(self) -> None:
        """Note that the chunk taken last went out."""
        self._sent_bytes += self._taken_bytes
        self._taken_bytes = 0
        self._sent_times.note(self.sent_ms)
        self._note_if_empty()

    def discard(self) -> None:
        """Drop what is left: nobody will send it."""
        self._dropped_bytes += self._queued_bytes + self._taken_bytes
        self._queued_bytes = self._taken_bytes = 0
        self._chunks.clear()
        self._note_if_empty()

    @property
    def sent_ms(self) -> float:
        return duration_ms(self._sent_bytes, MODEL_RATE_HZ)

    def sent_at_s(self, position_ms: float) -> float | None:
        """Return when this moment of all that was sent went out; None before anything did."""
        return self._sent_times.at_s(position_ms)

    @property
    def queued_ms(self) -> float:
        return duration_ms(self._queued_bytes + self._taken_bytes, MODEL_RATE_HZ)

    @property
    def dropped_ms(self) -> float:
        return duration_ms(self._dropped_bytes, MODEL_RATE_HZ)

    def _note_if_empty(self) -> None:
        if self.is_empty:
            self._emptied.set()
