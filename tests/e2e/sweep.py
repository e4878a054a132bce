"""Answers of which every piece tells its place: tones that rise, found again in a recording."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from bridge.pcm import MODEL_RATE_HZ, ROOM_RATE_HZ
from bridge.simulator.behaviours import Output, Speech, Tones, Turn
from bridge.simulator.sound import Samples, dominant_hz

COUGH_HZ: Final = 200.0
"""What the callers of these tests say without words."""

_LONGEST_MS: Final = 20_000
_FIRST_HZ: Final = 500.0
_RISE_HZ_PER_S: Final = 200.0
_AMPLITUDE: Final = 9000
# Enough for the sweep, and four times less to compare.
_COMPARED_RATE_HZ: Final = 12_000
_WINDOW: Final = ROOM_RATE_HZ // 200
_LIKE_WINDOW: Final = _COMPARED_RATE_HZ // 100
_ALIKE: Final = 0.9
_AUDIBLE: Final = 0.2 * _AMPLITUDE
_SILENT_WINDOWS: Final = 50
"""250 ms: a sweep has no pauses, but a busy machine tears holes into it."""


def sweep(ms: float, rate_hz: int = MODEL_RATE_HZ) -> Samples:
    """Return a tone that rises evenly; no piece of it is like another."""
    time_s = np.arange(int(ms * rate_hz / 1000)) / rate_hz
    phase = 2 * np.pi * (_FIRST_HZ + _RISE_HZ_PER_S / 2 * time_s) * time_s
    return np.asarray(_AMPLITUDE * np.sin(phase), dtype=np.int16)


class Sweeps(Tones):
    """Answers with a sweep of the same length each time, and hears no words in a cough."""

    def __init__(self, ms: float) -> None:
        super().__init__()
        self._sweep = sweep(ms)

    def transcribe(self, turn: Turn) -> str:
        heard_hz = dominant_hz(turn.heard)
        is_cough = heard_hz is not None and abs(heard_hz - COUGH_HZ) < 20
        return "" if is_cough else super().transcribe(turn)

    def answer(self, turn: Turn) -> Sequence[Output]:  # noqa: ARG002 - the protocol's argument
        return (Speech(self._sweep, "one two three four five six seven eight nine ten"),)


def stretches(heard: Samples) -> list[tuple[int, int]]:
    """Return from which to which sample there was sound, apart from short holes."""
    windows = heard[: heard.size // _WINDOW * _WINDOW].astype(np.float64).reshape(-1, _WINDOW)
    loud = np.flatnonzero(np.sqrt((windows**2).mean(axis=1) * 2) > _AUDIBLE)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > _SILENT_WINDOWS)
    begins = [loud[0], *loud[breaks + 1]]
    ends = [*loud[breaks], loud[-1]]
    return [
        (int(begin) * _WINDOW, (int(end) + 1) * _WINDOW)
        for begin, end in zip(begins, ends, strict=True)
    ]


def place_ms(piece: Samples) -> float:
    """Return where in a sweep a piece of it ends, by its sound alone.

    What a receiver makes up when nothing more comes is no part of it: that repeats the last
    sound, and rises no further.
    """
    whole = _REFERENCE
    wanted = _compared(piece)
    size = 1 << (whole.size + wanted.size).bit_length()
    product = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(wanted, size))
    begin = int(np.argmax(np.fft.irfft(product, size)[: whole.size]))
    genuine = _genuine(wanted, whole[begin : begin + wanted.size])
    return (begin + genuine) * 1000 / _COMPARED_RATE_HZ


def _genuine(piece: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> int:
    """Return up to where a piece is what was expected."""
    windows = range(0, min(piece.size, expected.size) - _LIKE_WINDOW + 1, _LIKE_WINDOW)
    alike = [at for at in windows if _likeness(piece, expected, at) > _ALIKE]
    if not alike or alike[-1] == windows[-1]:
        return piece.size
    return alike[-1] + _LIKE_WINDOW


def _likeness(piece: npt.NDArray[np.float64], expected: npt.NDArray[np.float64], at: int) -> float:
    one, other = piece[at : at + _LIKE_WINDOW], expected[at : at + _LIKE_WINDOW]
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-9))


def _compared(samples: Samples) -> npt.NDArray[np.float64]:
    resampled = soxr.resample(samples.astype(np.float64), ROOM_RATE_HZ, _COMPARED_RATE_HZ)
    return np.asarray(resampled, dtype=np.float64)


_REFERENCE: Final = _compared(sweep(_LONGEST_MS, ROOM_RATE_HZ))
