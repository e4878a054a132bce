"""How audio is written on the wire: PCM at 24 kHz, or G.711 at 8 kHz.

Inside the simulator everything is 16-bit mono at MODEL_RATE_HZ.
"""

from functools import cache
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bridge.pcm import MODEL_RATE_HZ
from bridge.simulator.sound import Samples

FormatName: TypeAlias = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]

_G711_RATE_HZ: Final = 8000
_G711_STEP: Final = MODEL_RATE_HZ // _G711_RATE_HZ


class AudioFormat(Protocol):
    """One direction of one session's audio; keeps state between chunks, so never share it."""

    def decode(self, wire: bytes) -> Samples:
        """Return the samples of a chunk. Raises ValueError on half a sample."""

    def encode(self, samples: Samples) -> bytes:
        """Return the wire bytes of samples."""


class Pcm:
    """audio/pcm: the simulator's own samples, untouched."""

    def decode(self, wire: bytes) -> Samples:
        """Return a view of `wire`. Raises ValueError when it ends within a sample."""
        return np.frombuffer(wire, dtype="<i2")

    def encode(self, samples: Samples) -> bytes:
        """Return the bytes of `samples`."""
        return samples.tobytes()


class G711:
    """audio/pcmu and audio/pcma: one byte a sample at 8 kHz, by table."""

    def __init__(self, values: NDArray[np.int16], codes: NDArray[np.uint8]) -> None:
        self._values = values
        self._codes = codes
        self._last = 0

    def decode(self, wire: bytes) -> Samples:
        """Return three samples for each byte, on straight lines from the previous chunk's end."""
        heard = self._values[np.frombuffer(wire, dtype=np.uint8)]
        if heard.size == 0:
            return heard
        points = np.concatenate(([self._last], heard))
        self._last = int(heard[-1])
        at = np.arange(1, heard.size * _G711_STEP + 1) / _G711_STEP
        return np.interp(at, np.arange(points.size), points).astype(np.int16)

    def encode(self, samples: Samples) -> bytes:
        """Return one byte for each three samples, the last padded with silence."""
        short = -samples.size % _G711_STEP
        padded = np.pad(samples, (0, short)).reshape(-1, _G711_STEP)
        averaged = padded.mean(axis=1).astype(np.int16)
        codes: NDArray[np.uint8] = self._codes[averaged.astype(np.int32) + 32768]
        return codes.tobytes()


def audio_format(name: FormatName) -> AudioFormat:
    """Return a fresh coder of the format that the session's configuration names."""
    match name:
        case "audio/pcm":
            return Pcm()
        case "audio/pcmu":
            return G711(*_mu_law_tables())
        case "audio/pcma":
            return G711(*_a_law_tables())


@cache
def _mu_law_tables() -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    return _mu_law_values(), _nearest_codes(_mu_law_values())


@cache
def _a_law_tables() -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    return _a_law_values(), _nearest_codes(_a_law_values())


def _mu_law_values() -> NDArray[np.int16]:
    """Return the sample of each of the 256 codes (ITU-T G.711, mu-law: bits sent inverted)."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = code >> 4 & 7, code & 15
    magnitude = ((mantissa << 3) + 132 << exponent) - 132
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_law_values() -> NDArray[np.int16]:
    """Return the sample of each of the 256 codes (ITU-T G.711, A-law: even bits inverted)."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    linear = (mantissa << 4) + 8
    magnitude = np.where(exponent > 0, linear + 256 << np.maximum(exponent - 1, 0), linear)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _nearest_codes(values: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return, for each of the 65536 samples, the code whose value is nearest."""
    order = np.argsort(values, kind="stable")
    ladder = values[order].astype(np.int32)
    halfway = (ladder[:-1] + ladder[1:]) / 2
    every = np.arange(-32768, 32768)
    return order[np.searchsorted(halfway, every)].astype(np.uint8)
