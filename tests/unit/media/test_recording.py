"""Recording: sound lies where it was heard."""

import io
import wave

import numpy as np

from bridge.media.recording import Recording, wav
from tests.tones import amplitude_at, tone


def test_sound_begins_where_it_was_heard() -> None:
    recording = Recording(started_s=100.0)
    recording.add(tone(440, 100), at_s=101.0)
    assert len(recording.samples) == 48_000 + 4800
    assert not recording.samples[:48_000].any()


def test_jitter_makes_no_seam_and_a_pause_stays_a_pause() -> None:
    recording = Recording(started_s=0.0)
    whole = tone(440, 100)
    for index in range(5):
        late_s = 0.015 if index % 2 else 0.0
        recording.add(whole[index * 1920 : (index + 1) * 1920], index * 0.02 + late_s)
    assert recording.samples.tobytes() == whole
    recording.add(whole, at_s=1.0)
    assert len(recording.samples) == 48_000 + 4800


def test_what_does_not_fit_is_counted() -> None:
    recording = Recording(started_s=0.0, max_seconds=1.0)
    recording.add(tone(440, 900), 0.0)
    recording.add(tone(440, 200), 0.9)
    assert recording.seconds == 0.9
    assert recording.dropped_ms == 200
    assert str(recording) == "Recording(0.9 s, 200 ms dropped)"


def test_a_stereo_file_keeps_both_sides_apart() -> None:
    left = np.frombuffer(tone(440, 1000), np.int16)
    right = np.frombuffer(tone(1000, 500), np.int16)
    with wave.open(io.BytesIO(wav([left, right]))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 48_000, 48_000)
        both = np.frombuffer(file.readframes(48_000), np.int16).reshape(-1, 2)
    assert amplitude_at(both[:24_000, 0].tobytes(), 440) > 7000
    assert amplitude_at(both[:24_000, 0].tobytes(), 1000) < 10
    assert amplitude_at(both[:24_000, 1].tobytes(), 1000) > 7000
    assert not both[24_000:, 1].any()
