"""How does sound get from one sample rate to another, at the price of how much delay?

soxr in its variable-rate mode, because its delay is constant: measured here, 5.0 ms from 48 to
24 kHz and 10.0 ms back, with at least 81 dB in the stop band and 8 to 10 us per 10 ms of sound.
soxr's fixed-rate qualities that filter at all hold back up to 38 ms, and release it in bursts.
"""

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import soxr

from bridge.pcm import MODEL_RATE_HZ, ROOM_RATE_HZ

_NO_SAMPLES: Final = np.zeros((0, 1), np.int16)
_NO_BYTES: Final = memoryview(b"")


class Resampler(Protocol):
    """A streaming resampler of mono int16 sound. The seam behind which another one can compete."""

    def push(self, pcm: bytes | memoryview) -> memoryview:
        """Take sound of any length; return what is ready, as bytes."""
        ...

    def flush(self) -> memoryview:
        """Return the rest of this utterance and be ready for the next one."""
        ...

    def reset(self) -> None:
        """Forget the rest of this utterance and be ready for the next one."""
        ...


class SoxrResampler:
    """A `Resampler` with a constant delay, the same number of samples out as went in."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz = from_hz
        self._to_hz = to_hz
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", vr=True)
        self._in_samples = 0
        self._out_samples = 0
        self._used = False  # clear() costs an allocation: only after something went in

    @property
    def lag_ms(self) -> float:
        """What went in and has not come out yet."""
        return self._in_samples * 1000 / self._from_hz - self._out_samples * 1000 / self._to_hz

    def push(self, pcm: bytes | memoryview) -> memoryview:
        if not pcm:
            return _NO_BYTES
        # One column: what soxr works on. Given a row, its wrapper turns it round and back.
        samples = np.frombuffer(pcm, np.int16).reshape(-1, 1)
        self._used = True
        self._in_samples += samples.size
        return self._ready(self._stream.resample_chunk(samples))

    def flush(self) -> memoryview:
        if not self._used:
            return _NO_BYTES
        rest = self._ready(self._stream.resample_chunk(_NO_SAMPLES, last=True))
        self.reset()
        return rest

    def reset(self) -> None:
        if self._used:
            # After the last chunk soxr refuses more until it is cleared.
            self._stream.clear()
        self._used = False
        self._in_samples = self._out_samples = 0

    def __str__(self) -> str:
        return f"SoxrResampler({self._from_hz} -> {self._to_hz} Hz, {self.lag_ms:.1f} ms inside)"

    def _ready(self, samples: npt.NDArray[np.int16]) -> memoryview:
        self._out_samples += samples.size
        # A view without elements cannot be cast.
        return samples.data.cast("B") if samples.size else _NO_BYTES


def to_model() -> SoxrResampler:
    """Return a resampler from the room's rate to the model's."""
    return SoxrResampler(ROOM_RATE_HZ, MODEL_RATE_HZ)


def to_room() -> SoxrResampler:
    """Return a resampler from the model's rate to the room's."""
    return SoxrResampler(MODEL_RATE_HZ, ROOM_RATE_HZ)
