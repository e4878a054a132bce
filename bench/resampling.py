"""What does each way of resampling delay, lose and cost? `python -m bench.resampling`, a minute."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr
from livekit import rtc
from rich.console import Console
from rich.table import Table

from bridge.media.resample import SoxrResampler
from bridge.pcm import MODEL_RATE_HZ, ROOM_RATE_HZ

Samples = npt.NDArray[np.int16]
Push = Callable[[Samples], Samples]
"""Takes the next frame and returns what is ready."""

_FRAME_S: Final = 0.02
_SOUND_S: Final = 4.0
_SETTLED_S: Final = 1.0
_LOOKED_AT_S: Final = 2.0
_AMPLITUDE: Final = 16_000.0
_REFERENCE_HZ: Final = 1000.0
# Of what both rates can hold: the speech band of a telephone, of wide band, and near the edge.
_PASSED_HZ: Final = (300.0, 3400.0, 7000.0, 10_000.0, 11_000.0)
# Beyond what 24 kHz can hold, and where it would be mirrored to.
_REFUSED_HZ: Final = (13_500.0, 15_000.0, 18_000.0, 22_000.0)
# Rounding to 16 bits leaves noise of about -98 dB; what is within a few Hz of a tone is the tone.
_TONE_WIDTH_HZ: Final = 20.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of resampling, in one direction."""

    lag_ms: tuple[float, float]
    """What went in and had not come out, least and most over the frames."""
    pass_band_db: float
    """The most that a tone which is to pass is louder or softer than one at 1 kHz."""
    stop_band_db: float
    """The loudest of what must not be there, below the tone that caused it."""
    us_per_10_ms: float


def fixed(quality: str) -> Callable[[int, int], Push]:
    """Return soxr in its fixed-rate mode."""

    def made(from_hz: int, to_hz: int) -> Push:
        stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality=quality)
        push: Push = stream.resample_chunk
        return push

    return made


def ours(from_hz: int, to_hz: int) -> Push:
    """Return what the media path uses."""
    resampler = SoxrResampler(from_hz, to_hz)
    return lambda samples: np.frombuffer(resampler.push(samples.data.cast("B")), np.int16)


def native(quality: rtc.AudioResamplerQuality) -> Callable[[int, int], Push]:
    """Return the resampler that comes with the LiveKit SDK."""

    def made(from_hz: int, to_hz: int) -> Push:
        resampler = rtc.AudioResampler(from_hz, to_hz, num_channels=1, quality=quality)

        def push(samples: Samples) -> Samples:
            frame = rtc.AudioFrame(samples.tobytes(), from_hz, 1, samples.size)
            frames = resampler.push(frame)
            return np.concatenate([np.frombuffer(f.data, np.int16) for f in frames] or [_NONE])

        return push

    return made


_NONE: Final = np.zeros(0, np.int16)
_WAYS: Final[Mapping[str, Callable[[int, int], Push]]] = {
    "soxr, variable rate (ours)": ours,
    **{f"soxr, fixed, {quality}": fixed(quality) for quality in ("QQ", "LQ", "MQ", "HQ", "VHQ")},
    **{f"LiveKit SDK, {q.name}": native(q) for q in rtc.AudioResamplerQuality},
}


def tone(hz: float, rate_hz: int) -> Samples:
    at_s = np.arange(int(rate_hz * _SOUND_S)) / rate_hz
    return (np.sin(2 * np.pi * hz * at_s) * _AMPLITUDE).astype(np.int16)


def frames(sound: Samples, rate_hz: int) -> Iterable[Samples]:
    edges = range(0, sound.size + 1, int(rate_hz * _FRAME_S))
    return (sound[start:end] for start, end in pairwise(edges))


def loudest_db(sound: Samples, rate_hz: int, *, but_hz: float | None = None) -> float:
    """Return how loud the loudest tone is, below one of full amplitude; `but_hz` is left out."""
    # Whole seconds: every tone here falls on one line of the spectrum.
    settled = sound[int(rate_hz * _SETTLED_S) :][: int(rate_hz * _LOOKED_AT_S)]
    spectrum = np.abs(np.fft.rfft(settled)) / settled.size * 2 / _AMPLITUDE
    if but_hz is not None:
        around = np.abs(np.fft.rfftfreq(settled.size, 1 / rate_hz) - but_hz) < _TONE_WIDTH_HZ
        spectrum[around] = 0.0
    return float(20 * np.log10(max(spectrum.max(), 1e-6)))


def through(make: Callable[[int, int], Push], hz: float, from_hz: int, to_hz: int) -> Samples:
    push = make(from_hz, to_hz)
    return np.concatenate([push(frame) for frame in frames(tone(hz, from_hz), from_hz)])


def lag_ms(make: Callable[[int, int], Push], from_hz: int, to_hz: int) -> tuple[float, float]:
    push, went_in, came_out, lags = make(from_hz, to_hz), 0, 0, []
    for frame in frames(tone(_REFERENCE_HZ, from_hz), from_hz):
        went_in += frame.size
        came_out += push(frame).size
        lags.append(went_in * 1000 / from_hz - came_out * 1000 / to_hz)
    settled = lags[int(_SETTLED_S / _FRAME_S) :]
    return min(settled), max(settled)


def us_per_10_ms(make: Callable[[int, int], Push], from_hz: int, to_hz: int) -> float:
    push, sound = make(from_hz, to_hz), list(frames(tone(_REFERENCE_HZ, from_hz), from_hz))
    rounds = []
    for _ in range(5):
        began_s = time.process_time()
        for frame in sound:
            push(frame)
        rounds.append(time.process_time() - began_s)
    return min(rounds) / len(sound) * 1e6 / (_FRAME_S * 100)


def measured(make: Callable[[int, int], Push], from_hz: int, to_hz: int) -> Measured:
    reference_db = loudest_db(through(make, _REFERENCE_HZ, from_hz, to_hz), to_hz)
    passed = {hz: through(make, hz, from_hz, to_hz) for hz in _PASSED_HZ}
    unwanted = (
        [loudest_db(through(make, hz, from_hz, to_hz), to_hz) for hz in _REFUSED_HZ]
        if from_hz > to_hz
        else [loudest_db(sound, to_hz, but_hz=hz) for hz, sound in passed.items()]
    )
    return Measured(
        lag_ms(make, from_hz, to_hz),
        max((loudest_db(s, to_hz) - reference_db for s in passed.values()), key=abs),
        max(unwanted) - reference_db,
        us_per_10_ms(make, from_hz, to_hz),
    )


def main() -> None:
    """Print the table of docs/performance.md."""
    for from_hz, to_hz in ((ROOM_RATE_HZ, MODEL_RATE_HZ), (MODEL_RATE_HZ, ROOM_RATE_HZ)):
        table = Table("way", "lag, ms", "pass band, dB", "stop band, dB", "us per 10 ms")
        table.title = f"{from_hz // 1000} -> {to_hz // 1000} kHz, frames of 20 ms"
        for name, make in _WAYS.items():
            seen = measured(make, from_hz, to_hz)
            least, most = seen.lag_ms
            table.add_row(
                name,
                f"{least:.1f}" if most - least < 0.1 else f"{least:.1f} to {most:.1f}",
                f"{seen.pass_band_db:+.1f}",
                f"{seen.stop_band_db:.0f}",
                f"{seen.us_per_10_ms:.0f}",
            )
        Console().print(table)


if __name__ == "__main__":
    main()
