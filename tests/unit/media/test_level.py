"""Loudness: what two snapshots say of the time between them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.media.level import FLOOR_DBFS, Level, LevelMeter, rms_dbfs
from tests.tones import tone

RATE_HZ = 48_000


def test_a_full_scale_sine_is_3_db_below_full_scale() -> None:
    meter = LevelMeter(RATE_HZ)
    meter.push(tone(1000, 1000, amplitude=32767))
    assert rms_dbfs(Level(), meter.level) == pytest.approx(-3.01, abs=0.01)
    assert meter.peak_dbfs(Level()) == pytest.approx(0, abs=0.01)


def test_silence_and_no_sound_at_all_are_the_floor() -> None:
    meter = LevelMeter(RATE_HZ)
    assert rms_dbfs(meter.level, meter.level) == FLOOR_DBFS
    meter.push(bytes(1920))
    assert rms_dbfs(Level(), meter.level) == FLOOR_DBFS
    assert meter.peak_dbfs(Level()) == FLOOR_DBFS
    # One bit of sound is still above it.
    meter.push(np.ones(960, np.int16).tobytes())
    assert rms_dbfs(Level(), meter.level) > FLOOR_DBFS


def test_two_watchers_read_their_own_intervals() -> None:
    meter = LevelMeter(RATE_HZ)
    meter.push(tone(1000, 100, amplitude=16000))
    loud = meter.level
    meter.push(tone(1000, 100, amplitude=1600))
    assert rms_dbfs(Level(), loud) == pytest.approx(rms_dbfs(loud, meter.level) + 20, abs=0.01)
    assert rms_dbfs(loud, meter.level) < rms_dbfs(Level(), meter.level) < rms_dbfs(Level(), loud)
    assert meter.peak_dbfs(loud) == pytest.approx(20 * math.log10(1600 / 32768), abs=0.1)
    assert meter.peak_dbfs(Level()) == pytest.approx(20 * math.log10(16000 / 32768), abs=0.1)


def test_peaks_are_known_for_a_minute() -> None:
    meter = LevelMeter(RATE_HZ)
    meter.push(tone(1000, 100, amplitude=16000))
    silence = bytes(RATE_HZ * 2)
    for _ in range(59):
        meter.push(silence[: RATE_HZ * 2])
    assert meter.peak_dbfs(Level()) > -10
    for _ in range(2):
        meter.push(silence)
    assert meter.peak_dbfs(Level()) == FLOOR_DBFS


def test_clipped_samples_are_counted() -> None:
    meter = LevelMeter(RATE_HZ)
    meter.push(np.array([32767, -32768, 32766, 0, -32767], np.int16).tobytes())
    assert meter.level.clipped_samples == 2


@given(st.lists(st.lists(st.integers(-32768, 32767), max_size=50), max_size=10))
def test_the_parts_add_up_to_the_whole(frames: list[list[int]]) -> None:
    meter = LevelMeter(RATE_HZ)
    for frame in frames:
        meter.push(np.array(frame, np.int16).tobytes())
    whole = [sample for frame in frames for sample in frame]
    assert meter.level.samples == len(whole)
    assert meter.level.sum_of_squares == sum(sample * sample for sample in whole)


def test_it_prints_its_counters() -> None:
    meter = LevelMeter(RATE_HZ)
    meter.push(tone(1000, 500))
    assert str(meter).startswith("LevelMeter(0.5 s, -15")
