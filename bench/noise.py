"""Speech in steady noise, always the same, and how far the one stands above the other."""

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from bridge.pcm import ROOM_RATE_HZ

Samples = NDArray[np.int16]

_SPEECH: Final = Path(__file__).parent.parent / "bridge" / "demo" / "speech.wav"
# The noise stands alone this long before and after: it has to be learnt, and to be measured.
_LEAD_S: Final = 3.0
_LEARNT_S: Final = 1.5
# Half hiss, half rumble: a fan in a room.
_RUMBLE_WINDOW: Final = 2000
_SPOKEN_ABOVE: Final = 500


@dataclass(frozen=True, slots=True)
class NoisySpeech:
    """48 kHz speech without and with its noise, of one length."""

    clean: Samples
    noisy: Samples


def noisy_speech(snr_db: float, seed: int = 1) -> NoisySpeech:
    """Return the demo's question with steady noise `snr_db` below the speech."""
    lead = np.zeros(round(_LEAD_S * ROOM_RATE_HZ))
    speech = np.concatenate([lead, _speech(), lead])
    spoken = speech[np.abs(speech) > _SPOKEN_ABOVE]
    noise = _fan(speech.size, seed) * _rms(spoken) / 10 ** (snr_db / 20)
    noisy = np.clip(speech + noise, -32768, 32767)
    return NoisySpeech(speech.astype(np.int16), noisy.astype(np.int16))


def snr_db(sound: Samples) -> float:
    """Return how far the speech of `noisy_speech` stands above the noise alone."""
    lead, learnt = round(_LEAD_S * ROOM_RATE_HZ), round(_LEARNT_S * ROOM_RATE_HZ)
    wide = sound.astype(np.float64)
    return float(20 * np.log10(_rms(wide[lead:-lead]) / max(_rms(wide[learnt:lead]), 1e-9)))


def delay_ms(of: Samples, behind: Samples) -> float:
    """Return by how much one sound comes later than the other, where they are most alike."""
    size = 2 * behind.size
    spectrum = np.fft.rfft(of, size) * np.conj(np.fft.rfft(behind, size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)))
    return (lag if lag < behind.size else lag - size) * 1000 / ROOM_RATE_HZ


def _speech() -> NDArray[np.float64]:
    with wave.open(str(_SPEECH)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        resampled = soxr.resample(samples.astype(np.float64), file.getframerate(), ROOM_RATE_HZ)
    return np.asarray(resampled, np.float64)


def _fan(samples: int, seed: int) -> NDArray[np.float64]:
    hiss = np.random.default_rng(seed).normal(0, 1, samples)
    rumble = np.cumsum(hiss)
    rumble -= np.convolve(rumble, np.ones(_RUMBLE_WINDOW) / _RUMBLE_WINDOW, "same")
    both = hiss / _rms(hiss) + rumble / _rms(rumble)
    return both / _rms(both)


def _rms(samples: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))
