"""Sound that says who it is: tones, and what tones are in a piece of sound."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


def tone(hz: float, ms: float, rate_hz: int = 48_000, amplitude: int = 8000) -> bytes:
    """Return a sine of int16 samples."""
    time_s = np.arange(int(ms * rate_hz / 1000)) / rate_hz
    return bytes((amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.int16).tobytes())


def samples_of(pcm: bytes | memoryview) -> Samples:
    return np.frombuffer(pcm, np.int16)


def amplitude_at(pcm: bytes | memoryview, hz: float, rate_hz: int = 48_000) -> float:
    """Return how strong one frequency is, in the units of `tone`'s amplitude."""
    samples = samples_of(pcm).astype(np.float64)
    window = np.hanning(samples.size)
    time_s = np.arange(samples.size) / rate_hz
    projection = np.dot(samples * window, np.exp(-2j * np.pi * hz * time_s))
    return float(2 * abs(projection) / window.sum())


def loudest_hz(pcm: bytes | memoryview, rate_hz: int = 48_000) -> float:
    """Return the frequency of the strongest tone, as finely as the sound is long."""
    samples = samples_of(pcm).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return float(np.argmax(spectrum) * rate_hz / samples.size)
