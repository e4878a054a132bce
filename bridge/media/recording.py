"""What was said when: mono sound laid on a timeline, and two of them as one stereo file."""

import io
import wave
from collections.abc import Sequence
from typing import Final

import numpy as np

from bridge.media.level import Samples
from bridge.pcm import BYTES_PER_SAMPLE, ROOM_RATE_HZ

# Frames arrive a little early or late; only a step larger than this is a real pause.
_JITTER_MS: Final = 60
_JITTER_SAMPLES: Final = _JITTER_MS * ROOM_RATE_HZ // 1000

_DEFAULT_SECONDS: Final = 600


class Recording:
    """48 kHz mono int16 sound by the time it was heard. What lies beyond its length is dropped."""

    def __init__(self, started_s: float, max_seconds: float = _DEFAULT_SECONDS) -> None:
        self._started_s = started_s
        self._max_samples = int(max_seconds * ROOM_RATE_HZ)
        self._pcm = bytearray()
        self._dropped_samples = 0

    @property
    def seconds(self) -> float:
        return self._length / ROOM_RATE_HZ

    @property
    def dropped_ms(self) -> float:
        return self._dropped_samples * 1000 / ROOM_RATE_HZ

    @property
    def samples(self) -> Samples:
        """A copy of everything so far; sample 0 is the moment the recording started."""
        return np.frombuffer(bytes(self._pcm), np.int16)

    def add(self, pcm: bytes | memoryview, at_s: float) -> None:
        """Add sound that began at `at_s` of the clock that `started_s` was read from.

        It joins what came before without a seam, unless there was a pause between them.
        """
        pause = int((at_s - self._started_s) * ROOM_RATE_HZ) - self._length
        silence = pause if pause > _JITTER_SAMPLES or not self._pcm else 0
        room = self._max_samples - self._length
        samples = len(pcm) // BYTES_PER_SAMPLE
        if silence + samples > room:
            self._dropped_samples += samples
            return
        self._pcm += bytes(max(silence, 0) * BYTES_PER_SAMPLE)
        self._pcm += pcm

    def __str__(self) -> str:
        return f"Recording({self.seconds:.1f} s, {self.dropped_ms:.0f} ms dropped)"

    @property
    def _length(self) -> int:
        return len(self._pcm) // BYTES_PER_SAMPLE


def wav(channels: Sequence[Samples]) -> bytes:
    """Return a 48 kHz WAV file of these channels, the shorter ones padded with silence."""
    length = max(len(channel) for channel in channels)
    frames = np.zeros((length, len(channels)), np.int16)
    for index, channel in enumerate(channels):
        frames[: len(channel), index] = channel
    with io.BytesIO() as file:
        with wave.open(file, "wb") as out:
            out.setnchannels(len(channels))
            out.setsampwidth(BYTES_PER_SAMPLE)
            out.setframerate(ROOM_RATE_HZ)
            out.writeframes(frames.tobytes())
        return file.getvalue()
