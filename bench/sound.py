"""What do the callers say, and what was heard of it? Bursts that name their caller, on a pilot.

A burst's frequency says whose it is and which of the last four. The quiet pilot tone below it
never stops: where it is missing at the ear, sound was torn.
"""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.onset import OnsetFinder
from bridge.pcm import ROOM_RATE_HZ

Samples = NDArray[np.int16]

PILOT_HZ: Final = 220.0
_PILOT_AMPLITUDE: Final = 1_500.0
_BURST_AMPLITUDE: Final = 12_000.0
_BURST_S: Final = 0.06
_LOWEST_HZ: Final = 600.0
# 60 ms tell tones apart that are 50 Hz from each other.
_CALLER_STEP_HZ: Final = 60.0
_WORD_STEP_HZ: Final = 1240.0
# So many bursts sound different in turn: 2 s in which none can be taken for another.
_WORDS: Final = 4
MOST_CALLERS: Final = 20

# What names a burst: the middle of it, where no filter rings.
_NAMING_S: Final = 0.04
# Torn: so much of the pilot is gone for one tick of WebRTC.
_TICK_S: Final = 0.01
_GONE: Final = 0.25

TONE_AMPLITUDE: Final = 12_000.0


@dataclass(frozen=True, slots=True)
class Burst:
    """A burst that was said or heard: when, by whom, and which of four it was."""

    at_s: float
    caller: int
    word: int


def tone(hz: float, seconds: float, amplitude: float = TONE_AMPLITUDE) -> Samples:
    """Return 48 kHz sound of one frequency."""
    time_s = np.arange(round(seconds * ROOM_RATE_HZ)) / ROOM_RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * ROOM_RATE_HZ), np.int16)


def speech(caller: int, seconds: float, seed: int) -> tuple[Samples, list[int]]:
    """Return what one caller says, and the samples its bursts begin at.

    The bursts are half a second apart, give or take: they meet every phase of a 20 ms frame.
    """
    sound = tone(PILOT_HZ, seconds, _PILOT_AMPLITUDE).astype(np.int32)
    dice = random.Random(seed * MOST_CALLERS + caller)  # noqa: S311 - the same in every run
    starts: list[int] = []
    next_s = 0.4 + 0.1 * dice.random()
    while next_s + _BURST_S < seconds - 0.2:
        start = round(next_s * ROOM_RATE_HZ)
        burst = tone(_frequency(caller, len(starts) % _WORDS), _BURST_S, _BURST_AMPLITUDE)
        sound[start : start + burst.size] += burst
        starts.append(start)
        next_s += 0.45 + 0.1 * dice.random()
    return sound.astype(np.int16), starts


def question(caller: int, seconds: float) -> Samples:
    """Return a tone that names its caller."""
    return tone(_frequency(caller, 0), seconds)


def questioner(answer: Samples) -> int:
    """Return whose question is said again."""
    spectrum = np.abs(np.fft.rfft(answer * np.hanning(answer.size), ROOM_RATE_HZ))  # 1 Hz a bin
    return round((float(spectrum.argmax()) - _LOWEST_HZ) / _CALLER_STEP_HZ)


def moments(starts: Sequence[int], frame_times_s: Sequence[float]) -> list[float]:
    """Return when these samples left the microphone, by the times its 20 ms frames left."""
    frame = ROOM_RATE_HZ // 50
    return [
        frame_times_s[start // frame] + start % frame / ROOM_RATE_HZ
        for start in starts
        if start // frame < len(frame_times_s)
    ]


def said(starts: Sequence[int], frame_times_s: Sequence[float], caller: int) -> list[Burst]:
    """Return the bursts that left the microphone."""
    return [
        Burst(at_s, caller, index % _WORDS)
        for index, at_s in enumerate(moments(starts, frame_times_s))
    ]


class BurstFinder:
    """Finds bursts in a stream of int16 frames, and names them."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._onsets = OnsetFinder(rate_hz)
        self._open: deque[tuple[float, list[Samples]]] = deque()

    def push(self, at_s: float, samples: Samples) -> list[Burst]:
        """Take a frame that began to sound at `at_s`; return the bursts known by now."""
        for _, heard in self._open:
            heard.append(samples)
        onset_s = self._onsets.push(at_s, samples.data)
        if onset_s is not None:
            offset = round((onset_s - at_s) * self._rate_hz)
            self._open.append((onset_s, [samples[offset:]]))
        found: list[Burst] = []
        wanted = round(_NAMING_S * self._rate_hz)
        while self._open and sum(part.size for part in self._open[0][1]) >= wanted:
            begun_s, heard = self._open.popleft()
            found.append(Burst(begun_s, *self._name(np.concatenate(heard)[:wanted])))
        return found

    def _name(self, sound: Samples) -> tuple[int, int]:
        padded = np.zeros(self._rate_hz // 5, np.float64)  # bins of 5 Hz
        padded[: sound.size] = sound * np.hanning(sound.size)
        spectrum = np.abs(np.fft.rfft(padded))
        spectrum[: int(_LOWEST_HZ / 2 / 5)] = 0  # the pilot
        hz = float(spectrum.argmax()) * 5
        word, rest = divmod(hz - _LOWEST_HZ + _CALLER_STEP_HZ / 2, _WORD_STEP_HZ)
        return int(rest // _CALLER_STEP_HZ), int(word)


def torn_ms(frames: Sequence[Samples]) -> float:
    """Return how much of the pilot is missing in what was heard."""
    if not frames:
        return 0.0  # nothing was there to be torn: its bursts count as lost
    tick = round(_TICK_S * ROOM_RATE_HZ)
    sound = np.concatenate(frames)
    ticks = sound[: sound.size // tick * tick].reshape(-1, tick).astype(np.float64)
    loud = np.sqrt(np.mean(np.square(ticks), axis=1))
    there = loud >= _GONE * _PILOT_AMPLITUDE / np.sqrt(2)
    if not there.any():
        return 0.0
    first, last = int(there.argmax()), there.size - int(there[::-1].argmax())
    return float(np.sum(~there[first:last])) * _TICK_S * 1000


def _frequency(caller: int, word: int) -> float:
    return _LOWEST_HZ + caller * _CALLER_STEP_HZ + word * _WORD_STEP_HZ
