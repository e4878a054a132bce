"""Resampling: what goes in comes out, when, and nothing else does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.media.resample import SoxrResampler, to_model, to_room
from tests.tones import amplitude_at, samples_of, tone

DIRECTIONS = [pytest.param(48_000, 24_000, 5.0), pytest.param(24_000, 48_000, 10.0)]


def through(resampler: SoxrResampler, pcm: bytes, frame_bytes: int) -> bytes:
    frames = (pcm[at : at + frame_bytes] for at in range(0, len(pcm), frame_bytes))
    return b"".join([*(bytes(resampler.push(frame)) for frame in frames), resampler.flush()])


@pytest.mark.parametrize(("from_hz", "to_hz", "lag_ms"), DIRECTIONS)
def test_the_lag_is_constant(from_hz: int, to_hz: int, lag_ms: float) -> None:
    resampler = SoxrResampler(from_hz, to_hz)
    frame = tone(440, 20, from_hz)
    lags = []
    for _ in range(50):
        resampler.push(frame)
        lags.append(resampler.lag_ms)
    assert lags == [lag_ms] * 50


@pytest.mark.parametrize(("from_hz", "to_hz", "lag_ms"), DIRECTIONS)
@pytest.mark.parametrize("hz", [100, 1000, 5000, 10_000])
def test_speech_passes_unchanged(from_hz: int, to_hz: int, lag_ms: float, hz: int) -> None:
    del lag_ms
    out = through(SoxrResampler(from_hz, to_hz), tone(hz, 1000, from_hz), from_hz // 50 * 2)
    assert len(out) == to_hz * 2
    middle = out[to_hz // 5 * 2 : -to_hz // 5 * 2]
    assert amplitude_at(middle, hz, to_hz) == pytest.approx(8000, rel=0.01)
    # Nothing but the tone: no clicks at the frames' seams.
    spectrum = np.abs(np.fft.rfft(samples_of(middle) * np.hanning(len(middle) // 2)))
    strongest = int(np.argmax(spectrum))
    spectrum[max(0, strongest - 4) : strongest + 5] = 0
    assert spectrum.max() < 1e-3 * len(middle) / 2 * 8000 / 4


def test_what_the_model_cannot_carry_is_not_folded_into_what_it_hears() -> None:
    out = through(to_model(), tone(13_000, 1000, amplitude=16_000), 1920)
    middle = samples_of(out[4800:-4800]).astype(np.float64)
    # 11 kHz is where 13 kHz would fold to.
    assert amplitude_at(out[4800:-4800], 11_000, 24_000) < 16_000 * 10 ** (-80 / 20)
    assert np.sqrt(np.mean(middle**2)) < 4


@pytest.mark.parametrize(("from_hz", "to_hz", "lag_ms"), DIRECTIONS)
def test_the_sound_is_not_shifted(from_hz: int, to_hz: int, lag_ms: float) -> None:
    del lag_ms
    samples = np.zeros(from_hz // 2, np.int16)
    samples[from_hz // 4] = 30_000
    out = samples_of(through(SoxrResampler(from_hz, to_hz), samples.tobytes(), from_hz // 50 * 2))
    assert abs(int(np.argmax(out)) - to_hz // 4) <= to_hz // 5000  # 0.2 ms


@pytest.mark.parametrize(("from_hz", "to_hz", "lag_ms"), DIRECTIONS)
def test_an_utterance_leaves_nothing_to_the_next(from_hz: int, to_hz: int, lag_ms: float) -> None:
    resampler = SoxrResampler(from_hz, to_hz)
    through(resampler, tone(440, 100, from_hz, amplitude=20_000), from_hz // 50 * 2)
    assert resampler.lag_ms == 0
    after = through(resampler, bytes(from_hz // 50 * 2), from_hz // 50 * 2)
    # The dither of soxr is one bit.
    assert np.abs(samples_of(after)).max() <= 1
    resampler.push(tone(440, 100, from_hz, amplitude=20_000))
    resampler.reset()
    assert np.abs(samples_of(resampler.push(bytes(from_hz // 50 * 2)))).max() <= 1
    assert resampler.lag_ms == lag_ms


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=12))
def test_twice_as_many_samples_come_out_whatever_the_pieces(sizes: list[int]) -> None:
    resampler = to_room()
    out = sum(len(resampler.push(bytes(2 * size))) for size in sizes)
    assert out + len(resampler.flush()) == 4 * sum(sizes)


def test_flushing_what_is_empty_gives_nothing() -> None:
    resampler = to_room()
    assert len(resampler.push(b"")) == 0
    assert len(resampler.flush()) == 0
    assert str(resampler) == "SoxrResampler(24000 -> 48000 Hz, 0.0 ms inside)"
