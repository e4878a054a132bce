"""What waits of an item comes out as it went in; what is left out of it leaves no click."""

import numpy as np

from bridge.media.waiting import Waiting
from tests.tones import samples_of, tone


def all_of(waiting: Waiting) -> bytes:
    sound = b""
    while waiting:
        sound += waiting.take(480)
    return sound


def test_sound_comes_out_as_it_went_in() -> None:
    sound = tone(440, 100, rate_hz=24_000)
    waiting = Waiting(("a", 0))
    for start in range(0, len(sound), 1000):
        waiting.append(sound[start : start + 1000])
    assert all_of(waiting) == sound
    assert waiting.taken == len(sound)


def test_the_oldest_is_left_out_over_several_pieces() -> None:
    waiting = Waiting(("a", 0))
    for value in range(4):
        waiting.append(np.full(240, value, np.int16).tobytes())
    assert waiting.leave_out(1200) == 1200
    left = samples_of(all_of(waiting))
    assert (left.size, left[-1], waiting.taken) == (360, 3, 720)


def test_no_more_is_left_out_than_there_is() -> None:
    waiting = Waiting(("a", 0))
    waiting.append(bytes(100))
    assert waiting.leave_out(1000) == 100
    assert not waiting


def test_a_cut_does_not_click() -> None:
    sound = tone(300, 200, rate_hz=24_000)
    steepest = np.abs(np.diff(samples_of(sound).astype(np.int32))).max()
    for cut in range(120, 280, 11):  # at any phase of the tone
        waiting = Waiting(("a", 0))
        waiting.append(sound)
        before = waiting.take(2400)
        waiting.leave_out(2 * cut)
        heard = samples_of(bytes(before) + all_of(waiting)).astype(np.int32)
        assert np.abs(np.diff(heard)).max() < 2 * steepest


def test_a_pause_ends_where_a_piece_is_loud() -> None:
    waiting = Waiting(("a", 0))
    for sound in (
        bytes(480),
        tone(440, 10, rate_hz=24_000, amplitude=200),
        tone(440, 10, rate_hz=24_000),
    ):
        waiting.append(sound)
    assert waiting.pause(2000) == 960
    assert waiting.pause(600) == 600
    waiting.leave_out(960)
    assert waiting.pause(2000) == 0
