"""The leaves: voice detection, the input buffer, G.711, and finding a tone."""

import numpy as np
import pytest

from bridge.simulator.audio_format import FormatName, audio_format
from bridge.simulator.input_buffer import InputBuffer
from bridge.simulator.sound import dominant_hz, samples_of, silence, tone
from bridge.simulator.vad import SpeechStarted, SpeechStopped, Tuning, VoiceDetector

_TUNING = Tuning(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=500)


@pytest.mark.parametrize("chunk", [1, 7, 100, 480, 24_000])
def test_edges_do_not_depend_on_how_audio_is_cut(chunk: int) -> None:
    audio = np.concatenate((silence(1000), tone(300, 500), silence(1000)))
    if chunk < 50:
        audio = audio[samples_of(900) : samples_of(2100)]
    detector = VoiceDetector(_TUNING)
    edges = [
        edge
        for start in range(0, audio.size, chunk)
        for edge in detector.hear(audio[start : start + chunk])
    ]
    shift = 900 if chunk < 50 else 0
    assert edges == [
        SpeechStarted(max(0, samples_of(700 - shift))),
        SpeechStopped(samples_of(2000 - shift)),
    ]


def test_a_click_is_not_speech() -> None:
    click = np.concatenate((silence(200), tone(300, 20), silence(200)))
    assert VoiceDetector(_TUNING).hear(click) == []


def test_a_pause_shorter_than_the_silence_is_part_of_the_turn() -> None:
    detector = VoiceDetector(_TUNING)
    edges = detector.hear(np.concatenate((tone(300, 300), silence(400), tone(300, 300))))
    assert edges == [SpeechStarted(0)]
    assert detector.speaking


def test_the_buffer_gives_out_what_is_asked_for_by_position() -> None:
    buffer = InputBuffer(limit_samples=100)
    buffer.append(np.arange(80, dtype=np.int16))
    buffer.append(np.arange(80, 120, dtype=np.int16))
    assert (buffer.start, buffer.end) == (20, 120)
    assert buffer.take(30, 40).tolist() == list(range(30, 40))
    assert (buffer.start, len(buffer)) == (40, 80)
    buffer.keep_last(10)
    assert buffer.take(0, 1000).tolist() == list(range(110, 120))
    assert len(buffer) == 0


@pytest.mark.parametrize(
    ("name", "silent", "loudest"), [("audio/pcmu", 0xFF, 32_124), ("audio/pcma", 0xD5, 32_256)]
)
def test_g711_is_the_standards(name: FormatName, silent: int, loudest: int) -> None:
    values = audio_format(name).decode(bytes([0x80 if name == "audio/pcmu" else 0xAA]))
    assert values[-1] == loudest
    assert abs(int(audio_format(name).decode(bytes([silent]))[-1])) <= 8


@pytest.mark.parametrize("name", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_a_tone_survives_its_format(name: FormatName) -> None:
    coder = audio_format(name)
    heard = coder.decode(coder.encode(tone(440, 500)))
    assert heard.size == samples_of(500)
    assert round(dominant_hz(heard) or 0) == 440


def test_silence_has_no_frequency() -> None:
    assert dominant_hz(silence(500)) is None
    assert dominant_hz(silence(0)) is None
