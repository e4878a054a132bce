"""For how long somebody spoke, told by the sound alone."""

import pytest

from bridge.media.speech_meter import SpeechMeter
from bridge.pcm import ROOM_FRAME_BYTES
from tests.tones import tone


def metered(*sounds: bytes) -> SpeechMeter:
    speech = SpeechMeter()
    pcm = memoryview(b"".join(sounds))
    for start in range(0, len(pcm), ROOM_FRAME_BYTES):
        speech.push(pcm[start : start + ROOM_FRAME_BYTES])
    return speech


def silence(ms: float) -> bytes:
    return bytes(int(ms * 96))


def test_loud_sound_is_speech_and_the_pauses_in_it_are_not() -> None:
    speech = metered(tone(300, 200), silence(300), tone(300, 200), silence(300))
    assert speech.spoken_ms(1000) == pytest.approx(400)
    assert speech.spoken_ms(500) == pytest.approx(200)


def test_soft_sounds_of_a_voice_count_and_the_hiss_behind_it_does_not() -> None:
    soft = tone(300, 200, amplitude=800)
    assert metered(tone(300, 200), soft).spoken_ms(400) == pytest.approx(400)
    hiss = tone(300, 200, amplitude=80)
    assert metered(tone(300, 200), hiss).spoken_ms(400) == pytest.approx(200)


def test_quiet_room_is_no_speech_although_nothing_is_louder() -> None:
    assert metered(tone(300, 500, amplitude=30)).spoken_ms(500) == 0


def test_no_sound_is_no_speech() -> None:
    assert SpeechMeter().spoken_ms(1000) == 0
    assert metered(silence(1000)).spoken_ms(1000) == 0


def test_only_six_seconds_are_remembered() -> None:
    assert metered(tone(300, 9000)).spoken_ms(60_000) == 6000
