"""What WebRTC's processing does to a microphone, by its sound."""

import numpy as np
import pytest

from bench.cleaning import cleaned
from bench.noise import delay_ms, noisy_speech, snr_db
from bridge.pcm import ROOM_FRAME_BYTES
from bridge.ports.agent import NoisePolicy
from bridge.room.cleaning import WebRtcCleaner, WebRtcCleaners
from tests.tones import tone

SUPPRESSION = NoisePolicy(suppression=True)


def test_steady_noise_is_set_far_below_the_speech() -> None:
    noisy = noisy_speech(10).noisy
    out, _ = cleaned(noisy, SUPPRESSION)
    assert snr_db(out) - snr_db(noisy) > 10


def test_clean_speech_stays_as_loud_as_it_was_and_comes_at_most_10_ms_later() -> None:
    speech = noisy_speech(20).clean
    out, _ = cleaned(speech, SUPPRESSION)
    assert delay_ms(out, speech) <= 10
    loss = np.sqrt(np.mean(out.astype(float) ** 2) / np.mean(speech.astype(float) ** 2))
    assert loss == pytest.approx(1, abs=0.15)


def test_gain_makes_a_quiet_speaker_louder() -> None:
    quiet = (noisy_speech(40).clean // 8).astype(np.int16)
    out, _ = cleaned(quiet, NoisePolicy(gain=True))
    assert np.abs(out).max() > 2 * np.abs(quiet).max()


def test_two_microphones_are_cleaned_apart() -> None:
    first, second = WebRtcCleaner(SUPPRESSION), WebRtcCleaner(SUPPRESSION)
    noisy = noisy_speech(10).noisy.data.cast("B")
    for start in range(0, len(noisy) // 4, ROOM_FRAME_BYTES):
        first.clean(noisy[start : start + ROOM_FRAME_BYTES])
    frame = noisy[-ROOM_FRAME_BYTES:]
    assert bytes(first.clean(frame)) != bytes(second.clean(frame)), "the second has learnt nothing"


def test_cleaned_frame_is_the_caller_s_to_keep() -> None:
    cleaner = WebRtcCleaner(SUPPRESSION)
    kept = cleaner.clean(memoryview(tone(1000, 20)))
    before = bytes(kept)
    cleaner.clean(memoryview(tone(300, 20)))
    assert bytes(kept) == before


def test_frame_that_is_no_whole_number_of_ticks_is_refused() -> None:
    with pytest.raises(ValueError, match="10 ms"):
        WebRtcCleaner(SUPPRESSION).clean(memoryview(bytes(100)))


def test_nothing_is_made_where_nothing_is_to_be_done() -> None:
    cleaners = WebRtcCleaners()
    assert cleaners.cleaner(NoisePolicy()) is None
    assert cleaners.cleaner(SUPPRESSION) is not None
