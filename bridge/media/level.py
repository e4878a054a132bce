"""How loud is it: totals that any number of watchers can each take differences of."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.pcm import BYTES_PER_SAMPLE

Samples = npt.NDArray[np.int16]

# Of silence, and of an interval without samples. Below what 16 bits hold (-90 dBFS for one
# bit), so that it cannot be confused with a measurement; the value RFC 6464 uses.
FLOOR_DBFS: Final = -127.0

# Full scale: a square wave between the extremes has 0 dBFS, a sine -3 dBFS.
_FULL_SCALE: Final = 32768
_CLIPPED_AT: Final = 32767
# Peaks are kept per slot of this length: short enough for a meter on a screen.
_PEAK_SLOT_MS: Final = 100
# As long as sound waits to be measured: in one go it costs a quarter.
_MEASURED_SLOTS: Final = 5
# As far back as peaks are known; watchers look every few seconds.
_PEAK_HISTORY_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Level:
    """Totals since the meter began; two of them give the loudness of the time between."""

    sum_of_squares: float = 0.0
    samples: int = 0
    clipped_samples: int = 0


def rms_dbfs(before: Level, after: Level) -> float:
    """Return the loudness between two snapshots, `FLOOR_DBFS` for silence or no sound at all."""
    samples = after.samples - before.samples
    squares = after.sum_of_squares - before.sum_of_squares
    if samples <= 0 or squares <= 0:
        return FLOOR_DBFS
    return _dbfs(math.sqrt(squares / samples))


class LevelMeter:
    """Measures the mono int16 sound that passes, half a second at a time, or when somebody asks.

    Numpy's calls cost far more than what they do to 20 ms. Until then frames wait as they are, so
    nobody may change one that was given here.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._slot_samples = sample_rate_hz * _PEAK_SLOT_MS // 1000
        self._waiting: list[bytes | memoryview] = []
        self._waiting_samples = 0
        self._sum_of_squares = 0.0
        self._samples = 0  # measured
        self._clipped = 0
        self._slot = 0
        self._slot_peak = 0
        # Peaks of the slots before the present one, oldest first.
        self._peaks: deque[int] = deque(maxlen=_PEAK_HISTORY_MS // _PEAK_SLOT_MS)

    def push(self, frame: bytes | memoryview) -> None:
        """Take a frame of int16 samples, of any length, into account."""
        self._waiting.append(frame)
        self._waiting_samples += len(frame) // BYTES_PER_SAMPLE
        if self._waiting_samples >= _MEASURED_SLOTS * self._slot_samples:
            self._measure()

    @property
    def level(self) -> Level:
        self._measure()
        return Level(self._sum_of_squares, self._samples, self._clipped)

    def peak_dbfs(self, since: Level) -> float:
        """Return the highest sample since a snapshot, rounded out to whole slots of 100 ms.

        Looks back 60 s at most.
        """
        self._measure()
        first = since.samples // self._slot_samples
        slots_back = max(0, self._slot - first)
        peak = self._slot_peak if since.samples < self._samples else 0
        for age, earlier in enumerate(reversed(self._peaks)):
            if age == slots_back:
                break
            peak = max(peak, earlier)
        return _dbfs(peak) if peak else FLOOR_DBFS

    def __str__(self) -> str:
        self._measure()
        seconds = self._samples / (self._slot_samples * 1000 / _PEAK_SLOT_MS)
        loud = rms_dbfs(Level(), self.level)
        return f"LevelMeter({seconds:.1f} s, {loud:.1f} dBFS, {self._clipped} clipped)"

    def _measure(self) -> None:
        if not self._waiting_samples:
            return
        samples = np.frombuffer(b"".join(self._waiting), np.int16)
        self._waiting.clear()
        self._waiting_samples = 0
        wide = samples.astype(np.float64)  # in which every such sum is exact
        # Not by np.dot: for so many samples OpenBLAS wakes another thread, which spins.
        self._sum_of_squares += float(np.square(wide, out=wide).sum())
        if self._note_peaks(samples) >= _CLIPPED_AT:
            self._clipped += int(
                np.count_nonzero((samples == _CLIPPED_AT) | (samples < -_CLIPPED_AT))
            )
        self._samples += samples.size

    def _note_peaks(self, samples: Samples) -> int:
        """Note the peak of every slot that these samples touch; return the highest."""
        rest = -self._samples % self._slot_samples  # of the slot that has begun
        starts = [*([0] if rest else []), *range(rest, samples.size, self._slot_samples)]
        highest = np.maximum.reduceat(samples, starts).tolist()
        lowest = np.minimum.reduceat(samples, starts).tolist()
        peaks: list[int] = [max(high, -low) for high, low in zip(highest, lowest, strict=True)]
        for slot, peak in enumerate(peaks, self._samples // self._slot_samples):
            self._enter_slot(slot)
            self._slot_peak = max(self._slot_peak, peak)
        return max(peaks)

    def _enter_slot(self, slot: int) -> None:
        while self._slot < slot:
            self._peaks.append(self._slot_peak)
            self._slot_peak = 0
            self._slot += 1


def _dbfs(amplitude: float) -> float:
    return 20 * math.log10(amplitude / _FULL_SCALE)
