"""Which sounds the simulator makes and recognises: tones, silence, WAV files, one frequency."""

import wave
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import soxr
from numpy.typing import NDArray

from bridge.pcm import BYTES_PER_SAMPLE, MODEL_RATE_HZ

Samples: TypeAlias = NDArray[np.int16]
"""16-bit mono samples at MODEL_RATE_HZ."""

FULL_SCALE: Final = 32768.0
# Loud enough for any voice detector, far enough from clipping to survive resampling and Opus.
_TONE_AMPLITUDE: Final = 0.3 * FULL_SCALE
# A click at either end would spread over the spectrum that listeners measure.
_FADE_MS: Final = 5
# Hum and rumble below this are never the tone somebody meant to play.
_LOWEST_HZ: Final = 50.0
# Under -50 dBFS there is no tone to speak of, only noise.
_SILENCE_RMS: Final = FULL_SCALE * 10 ** (-50 / 20)
# Four seconds resolve a quarter of a hertz; more would only cost time on the loop.
_ANALYSED_SAMPLES: Final = 4 * MODEL_RATE_HZ


class UnreadableSound(Exception):
    """A WAV file that is missing, broken, or not 16-bit PCM."""


def samples_of(duration_ms: float) -> int:
    """Return how many samples last `duration_ms`."""
    return int(duration_ms * MODEL_RATE_HZ / 1000)


def milliseconds_of(samples: int) -> int:
    """Return how long `samples` last, in whole milliseconds, rounded down."""
    return samples * 1000 // MODEL_RATE_HZ


def silence(duration_ms: float) -> Samples:
    """Return `duration_ms` of digital silence."""
    return np.zeros(samples_of(duration_ms), dtype=np.int16)


def tone(frequency_hz: float, duration_ms: float) -> Samples:
    """Return a sine of `frequency_hz`, faded in and out over a few milliseconds."""
    count = samples_of(duration_ms)
    wave_ = np.sin(np.arange(count) * (2 * np.pi * frequency_hz / MODEL_RATE_HZ)) * _TONE_AMPLITUDE
    fade = min(samples_of(_FADE_MS), count // 2)
    if fade:
        ramp = np.linspace(0.0, 1.0, fade)
        wave_[:fade] *= ramp
        wave_[-fade:] *= ramp[::-1]
    faded: Samples = wave_.astype(np.int16)
    return faded


def dominant_hz(samples: Samples) -> float | None:
    """Return the strongest frequency in `samples`, None when they are all but silent.

    Only the loudest four seconds count, so a long turn costs no more than a short one.
    """
    heard = _loudest(samples).astype(np.float32)
    if heard.size < samples_of(20):
        return None
    if float(np.sqrt(np.dot(heard, heard) / heard.size)) < _SILENCE_RMS:
        return None
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(heard.size)))
    hz_per_bin = MODEL_RATE_HZ / heard.size
    spectrum[: int(_LOWEST_HZ / hz_per_bin) + 1] = 0
    peak = int(np.argmax(spectrum))
    return (peak + _peak_offset(spectrum, peak)) * hz_per_bin


def load_wav(path: Path) -> Samples:
    """Return a WAV file as mono samples at MODEL_RATE_HZ, whatever its rate and channels.

    Raises UnreadableSound, whose message says what is wrong with the file.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != BYTES_PER_SAMPLE:
                raise UnreadableSound(f"{path.name} is not 16-bit PCM")
            rate_hz, channels = file.getframerate(), file.getnchannels()
            frames = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as broken:
        raise UnreadableSound(f"{path.name} cannot be read: {broken}") from broken
    stereo = np.frombuffer(frames, dtype="<i2").reshape(-1, channels)
    mono: Samples = stereo.mean(axis=1).astype(np.int16)
    if rate_hz == MODEL_RATE_HZ:
        return mono
    resampled: Samples = soxr.resample(mono, rate_hz, MODEL_RATE_HZ)
    return resampled


def _loudest(samples: Samples) -> Samples:
    if samples.size <= _ANALYSED_SAMPLES:
        return samples
    spans = range(0, samples.size - _ANALYSED_SAMPLES + 1, _ANALYSED_SAMPLES // 2)
    cut = [samples[start : start + _ANALYSED_SAMPLES] for start in spans]
    return max(cut, key=lambda span: float(np.abs(span.astype(np.float32)).sum()))


def _peak_offset(spectrum: NDArray[np.floating], peak: int) -> float:
    """Return where the true peak lies between bins, by a parabola through its neighbours."""
    if not 0 < peak < spectrum.size - 1:
        return 0.0
    left, middle, right = (float(np.log(spectrum[peak + step] + 1e-9)) for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    return 0.0 if bend == 0 else 0.5 * (left - right) / bend
