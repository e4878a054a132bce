"""When somebody starts and stops speaking: energy over 20 ms windows, counted in samples."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from bridge.pcm import FRAME_MS
from bridge.simulator.sound import FULL_SCALE, Samples, samples_of

_WINDOW: Final = samples_of(FRAME_MS)
# One loud window is a click; two in a row are a voice.
_ONSET_WINDOWS: Final = 2
# The real threshold is a probability of speech. Here it spans loudness: 0.0 is -60 dBFS, the
# default 0.5 is -35 dBFS (a quiet voice), 1.0 is -10 dBFS.
_QUIETEST_DBFS: Final = -60.0
_THRESHOLD_SPAN_DB: Final = 50.0


@dataclass(frozen=True, slots=True)
class Tuning:
    """What decides a turn's edges."""

    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began; `at_sample` includes the padding before it."""

    at_sample: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Speech ended; `at_sample` is after the silence that proved it."""

    at_sample: int


Edge: TypeAlias = SpeechStarted | SpeechStopped


class VoiceDetector:
    """Finds the edges of speech in a stream of samples, by their count and not by a clock."""

    def __init__(self, tuning: Tuning, *, position: int = 0) -> None:
        self._position = position
        self._rest: Samples = np.empty(0, dtype=np.int16)
        self._loud_windows = 0
        self._quiet_windows = 0
        self.speaking = False
        self.retune(tuning)

    def retune(self, tuning: Tuning) -> None:
        """Apply new settings without losing a turn that is under way."""
        self._tuning = tuning
        level_db = _QUIETEST_DBFS + _THRESHOLD_SPAN_DB * tuning.threshold
        self._energy = _WINDOW * (FULL_SCALE * 10 ** (level_db / 20)) ** 2
        self._silence_windows = max(1, -(-tuning.silence_duration_ms // FRAME_MS))

    def forget(self) -> None:
        """Be as if nobody had spoken; the position in the stream stays."""
        self.speaking = False
        self._loud_windows = self._quiet_windows = 0

    def hear(self, samples: Samples) -> list[Edge]:
        """Return the edges found in the next samples of the stream, oldest first."""
        if self._rest.size:
            samples = np.concatenate((self._rest, samples))
        whole = samples.size // _WINDOW * _WINDOW
        self._rest = samples[whole:].copy()
        if not whole:
            return []
        windows = samples[:whole].astype(np.float32).reshape(-1, _WINDOW)
        energies = np.einsum("ij,ij->i", windows, windows)
        edges: list[Edge] = []
        for loud in (energies > self._energy).tolist():
            self._position += _WINDOW
            edge = self._quieten(loud) if self.speaking else self._rouse(loud)
            if edge:
                edges.append(edge)
        return edges

    def _rouse(self, loud: bool) -> SpeechStarted | None:
        self._loud_windows = self._loud_windows + 1 if loud else 0
        if self._loud_windows < _ONSET_WINDOWS:
            return None
        self.speaking, self._loud_windows, self._quiet_windows = True, 0, 0
        onset = self._position - _ONSET_WINDOWS * _WINDOW
        return SpeechStarted(max(0, onset - samples_of(self._tuning.prefix_padding_ms)))

    def _quieten(self, loud: bool) -> SpeechStopped | None:
        self._quiet_windows = 0 if loud else self._quiet_windows + 1
        if self._quiet_windows < self._silence_windows:
            return None
        self.forget()
        return SpeechStopped(self._position)
