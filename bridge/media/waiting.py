"""What of one item waits to be resampled and played: the model's sound, as it came."""

from collections import deque
from typing import Final

import numpy as np

from bridge.media.ledger import Item, ItemKey
from bridge.pcm import BYTES_PER_SAMPLE, MODEL_RATE_HZ

# How long the sound before a piece that is left out turns into the sound behind it.
_FADE_BYTES: Final = MODEL_RATE_HZ * 5 // 1000 * BYTES_PER_SAMPLE
# The loudest sample of a pause: -40 dBFS, above the hiss of a voice that does not speak.
_QUIET: Final = 328


class Waiting:
    """An item that is not wholly written."""

    __slots__ = ("_chunks", "_left_out", "flushed", "item", "overflowed", "taken")

    def __init__(self, key: ItemKey) -> None:
        self.item = Item(key)
        self.flushed = False
        self.overflowed = False
        self.taken = 0  # bytes
        self._chunks: deque[memoryview] = deque()
        self._left_out = memoryview(b"")  # how a piece begins that is being left out

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def append(self, pcm: bytes) -> None:
        self._chunks.append(memoryview(pcm))

    def take(self, most: int) -> memoryview:
        """Return the oldest sound: `most` bytes of it, or less."""
        sound = self._cut(most)
        self.taken += len(sound)
        if self._left_out:
            sound = _faded(self._left_out, sound)
            self._left_out = memoryview(b"")
        return sound

    def pause(self, most: int) -> int:
        """Return how many bytes of the oldest sound, up to `most`, are a pause: whole pieces."""
        size = 0
        for chunk in self._chunks:
            samples = np.frombuffer(chunk[: most - size], np.int16)
            if not samples.size or samples.min() < -_QUIET or samples.max() > _QUIET:
                break
            size += samples.nbytes
        return size

    def leave_out(self, most: int) -> int:
        """Forget the oldest sound: `most` bytes of it, or less; return how many."""
        left_out = 0
        while self._chunks and left_out < most:
            piece = self._cut(most - left_out)
            left_out += len(piece)
            if len(self._left_out) < _FADE_BYTES:
                self._left_out = memoryview(bytes(self._left_out) + piece)[:_FADE_BYTES]
        return left_out

    def _cut(self, most: int) -> memoryview:
        chunk = self._chunks.popleft()
        if len(chunk) > most:
            self._chunks.appendleft(chunk[most:])
        return chunk[:most]


def _faded(out: memoryview, into: memoryview) -> memoryview:
    """Return `into`, with `out` fading away over its beginning: a cut that does not click."""
    sound = np.frombuffer(into, np.int16).astype(np.float64)
    end = np.frombuffer(out, np.int16)[: sound.size]
    share = np.linspace(0, 1, end.size)
    sound[: end.size] = sound[: end.size] * share + end * (1 - share)
    return sound.astype(np.int16).data.cast("B")
