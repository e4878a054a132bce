"""Moments of the user's sound, on the machine's clock."""

import pytest

from bridge.model.sent_times import SentTimes


class Stream:
    """Sound that is sent in real time, 20 ms at a time, with pauses where a test wants them."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.sent_ms = 0.0
        self.times = SentTimes(lambda: self.now_s)

    def send(self, ms: float) -> None:
        for _ in range(int(ms / 20)):
            self.now_s += 0.02
            self.sent_ms += 20
            self.times.note(self.sent_ms)


def test_sound_without_a_gap_is_as_old_as_it_is_long() -> None:
    stream = Stream()
    stream.send(2000)
    assert stream.times.at_s(500) == pytest.approx(100.5, abs=0.02)
    assert stream.times.at_s(1930) == pytest.approx(101.93, abs=0.02)


def test_moments_before_and_behind_a_gap_are_far_apart() -> None:
    stream = Stream()
    stream.send(1000)
    stream.now_s += 10
    stream.send(1000)
    assert stream.times.at_s(900) == pytest.approx(100.9, abs=0.02)
    assert stream.times.at_s(1500) == pytest.approx(111.5, abs=0.02)


def test_nothing_is_sent_later_than_now() -> None:
    stream = Stream()
    stream.send(1000)
    assert stream.times.at_s(5000) == stream.now_s


def test_moment_that_is_no_longer_remembered_is_counted_back_to() -> None:
    stream = Stream()
    stream.send(120_000)
    assert stream.times.at_s(1000) == pytest.approx(101, abs=0.1)


def test_nothing_sent_has_no_time() -> None:
    assert SentTimes().at_s(0) is None
