"""What does the caller say: a WAV file as 48 kHz mono, between stretches of silence."""

import asyncio
import wave
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import soxr

from bridge.pcm import ROOM_FRAME_BYTES, ROOM_RATE_HZ

# Short enough to begin to speak at once, long enough to cost nothing.
_SILENCE_FRAMES: Final = 5
_SILENCE: Final = bytes(ROOM_FRAME_BYTES * _SILENCE_FRAMES)
_LOWEST_RATE_HZ: Final = 8_000


class UnusableRecording(Exception):
    """The file is not speech that can be played; the message says why."""


class Speaker(Protocol):
    """Whoever can play sound into a call."""

    async def play(self, pcm: bytes | memoryview) -> None: ...


def load_speech(path: Path) -> bytes:
    """Return a 16-bit WAV file of any rate and any number of channels as 48 kHz mono.

    :raises UnusableRecording: it cannot be read, is empty, or has other samples.
    """
    try:
        with wave.open(str(path), "rb") as source:
            rate_hz, channels = source.getframerate(), source.getnchannels()
            width, frames = source.getsampwidth(), source.readframes(source.getnframes())
    except (OSError, EOFError, wave.Error) as broken:
        raise UnusableRecording(f"{path}: {broken}") from broken
    if width != np.dtype(np.int16).itemsize or rate_hz < _LOWEST_RATE_HZ:
        raise UnusableRecording(f"{path}: is not 16-bit at {_LOWEST_RATE_HZ} Hz or more")
    samples = np.frombuffer(frames, dtype="<i2")
    if not len(samples):
        raise UnusableRecording(f"{path}: is empty")
    mono = samples[: len(samples) // channels * channels].reshape(-1, channels).mean(axis=1)
    resampled = soxr.resample(mono.astype(np.int16), rate_hz, ROOM_RATE_HZ)
    return bytes(resampled.astype("<i2").tobytes())


class Microphone:
    """Plays silence for ever, and speech when it is asked to: a microphone is never switched off.

    A track without sound looks like a lost one, and a voice detector needs to hear the silence
    behind a sentence.
    """

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self._speech: bytes | None = None
        self._said = asyncio.Event()

    async def run(self) -> None:
        """Play until cancelled."""
        while True:
            speech, self._speech = self._speech, None
            await self._speaker.play(speech or _SILENCE)
            if speech:
                self._said.set()

    async def say(self, speech: bytes) -> None:
        """Play speech in place of silence; returns when the last of it is played."""
        self._said.clear()
        self._speech = speech
        await self._said.wait()
