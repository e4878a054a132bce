"""Is sound told from silence, and is a WAV file read as what it is?"""

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bridge.cli.hearing import hearing_of
from bridge.cli.microphone import UnusableRecording, load_speech

RATE_HZ = 48_000


def tone(seconds: float, amplitude: float, rate_hz: int = RATE_HZ) -> NDArray[np.int16]:
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return (np.sin(2 * np.pi * 440 * times) * amplitude * 32767).astype(np.int16)


def written(
    path: Path, samples: NDArray[np.int16], rate_hz: int, channels: int = 1, width: int = 2
) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate_hz)
        out.writeframes(samples.tobytes())
    return path


def test_a_voice_is_sound() -> None:
    heard = hearing_of(tone(1.0, 0.3))
    assert heard.is_sound
    assert heard.sounding_ms == pytest.approx(1000)
    assert heard.loudest_dbfs == pytest.approx(-13.5, abs=0.2)


def test_silence_is_none() -> None:
    assert not hearing_of(np.zeros(RATE_HZ, np.int16)).is_sound


def test_nothing_at_all_is_none() -> None:
    assert not hearing_of(np.zeros(0, np.int16)).is_sound


def test_the_noise_of_a_codec_is_none() -> None:
    assert not hearing_of(tone(5.0, 0.0005)).is_sound


def test_a_click_is_none() -> None:
    samples = np.zeros(RATE_HZ, np.int16)
    samples[1000:2000] = 20_000
    assert not hearing_of(samples).is_sound


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100, 48_000])
def test_speech_of_any_rate_becomes_48_khz(tmp_path: Path, rate_hz: int) -> None:
    path = written(tmp_path / "in.wav", tone(1.0, 0.3, rate_hz), rate_hz)
    samples = np.frombuffer(load_speech(path), np.int16)
    assert len(samples) == pytest.approx(RATE_HZ, abs=2)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * RATE_HZ / len(samples) == pytest.approx(440, abs=1)


def test_stereo_speech_is_mixed(tmp_path: Path) -> None:
    left = tone(0.5, 0.3)
    both = np.stack([left, np.zeros_like(left)], axis=1)
    path = written(tmp_path / "in.wav", both, RATE_HZ, channels=2)
    samples = np.frombuffer(load_speech(path), np.int16)
    assert np.abs(samples.astype(float) - left / 2).max() < 2


def test_what_is_no_speech_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_bytes(b"RIFFnonsense")
    eight_bit = written(tmp_path / "8.wav", tone(0.1, 0.3), RATE_HZ, width=1)
    empty = written(tmp_path / "0.wav", np.zeros(0, np.int16), RATE_HZ)
    for path in (tmp_path / "none.wav", tmp_path / "no.wav", eight_bit, empty):
        with pytest.raises(UnusableRecording, match=path.name):
            load_speech(path)
