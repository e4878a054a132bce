"""Delay that a stall has left is told from the lead of a model that is ahead."""

from collections.abc import Iterable

import pytest

from bridge.media.standing import StandingDelay

PIECE_MS = 20


class Line:
    """Pieces of one item arriving; the listener plays what is there, a ms each ms."""

    def __init__(self) -> None:
        self.delay = StandingDelay()
        self.now_s = 100.0
        self.delay.begin(self.now_s)
        self.level_ms = 20.0
        self.left_out_ms = 0.0

    def passes(self, ms: float) -> None:
        self.now_s += ms / 1000
        self.level_ms -= ms

    def arrives(self, ms: float = PIECE_MS) -> None:
        if self.level_ms < 0:
            self.delay.ran_dry(-self.level_ms, self.now_s)
            self.level_ms = 0.0
        excess_ms = self.delay.excess_ms(self.level_ms, self.now_s)
        self.level_ms += ms - excess_ms
        self.left_out_ms += excess_ms

    def streams(self, ms: float, rate: float = 1.0, piece_ms: float = PIECE_MS) -> None:
        """Have sound arrive piece by piece, `rate` times as fast as it is played."""
        for _ in range(round(ms * rate / piece_ms)):
            self.passes(piece_ms / rate)
            self.arrives(piece_ms)

    def stalls(self, ms: float) -> None:
        """Have nothing arrive for a while, and then all that is late."""
        self.passes(ms)
        for _ in range(round(ms / PIECE_MS)):
            self.arrives()


def test_what_a_stall_left_is_left_out_within_a_second() -> None:
    line = Line()
    line.streams(1000)
    line.stalls(300)
    assert line.level_ms >= 300
    line.streams(700)
    assert line.left_out_ms == pytest.approx(270, abs=20)
    assert line.level_ms <= 60


@pytest.mark.parametrize("stall_ms", [60, 80, 100])
def test_what_a_stall_left_before_the_first_sound_is_left_out(stall_ms: float) -> None:
    line = Line()
    line.arrives(stall_ms)
    line.streams(1200)
    assert line.left_out_ms == pytest.approx(stall_ms - 20, abs=1)
    line.streams(3000)
    assert line.level_ms == pytest.approx(20 + PIECE_MS, abs=1)


@pytest.mark.parametrize("piece_ms", [20, 100, 200, 400])
def test_pieces_of_any_length_may_stall(piece_ms: float) -> None:
    line = Line()
    line.level_ms = piece_ms + 20.0
    line.streams(2000, piece_ms=piece_ms)
    line.stalls(1000)
    line.streams(max(1000, 4 * piece_ms), piece_ms=piece_ms)
    assert line.level_ms <= 60 + piece_ms
    assert line.left_out_ms > 0


def test_what_is_late_may_come_in_pieces() -> None:
    line = Line()
    line.streams(500)
    line.passes(900)
    for _ in range(3):  # a busy machine: 300 ms of it at a time
        for _ in range(15):
            line.arrives()
        line.streams(700)
    line.streams(1000)
    assert line.level_ms <= 60
    assert line.left_out_ms == pytest.approx(900, abs=40)


def test_every_stall_is_worked_off() -> None:
    line = Line()
    for _ in range(5):
        line.stalls(200)
        line.streams(1000)
        assert line.level_ms <= 60


@pytest.mark.parametrize("rate", [1.2, 1.5, 4, 20])
def test_a_model_faster_than_real_time_keeps_every_word(rate: float) -> None:
    line = Line()
    line.streams(200, rate)
    line.stalls(400 + line.level_ms)
    line.streams(3000, rate)
    assert line.left_out_ms == 0


@pytest.mark.parametrize("rate", [1.15, 1.5, 4])
def test_a_small_lead_that_grows_keeps_every_word(rate: float) -> None:
    line = Line()
    line.arrives(60)
    line.streams(3000, rate)
    assert line.left_out_ms == 0


@pytest.mark.parametrize("rate", [1.01, 1.03, 1.06, 1.1])
@pytest.mark.parametrize("stall_ms", [0, 60])
def test_a_model_that_gains_slowly_loses_a_tenth_of_a_second_at_most(
    rate: float, stall_ms: float
) -> None:
    line = Line()
    line.stalls(stall_ms)
    line.streams(60_000, rate)
    assert line.left_out_ms <= 100 + stall_ms


def test_a_lead_that_was_given_at_once_is_kept() -> None:
    line = Line()
    line.arrives(2000)
    line.streams(1000)
    line.stalls(3000)  # longer than the lead: a second of silence
    line.streams(3000)
    assert line.left_out_ms == 0


def test_a_lead_that_covers_the_stall_is_kept() -> None:
    line = Line()
    line.arrives(500)
    line.stalls(400)
    line.streams(3000)
    assert line.left_out_ms == 0


def test_a_model_that_pauses_keeps_every_word() -> None:
    line = Line()
    line.stalls(300)
    for _ in range(6):
        line.passes(60)
        line.arrives(2)
    line.passes(line.level_ms)
    line.streams(2000)
    assert line.left_out_ms == 0


def test_a_sender_that_stalls_itself_leaves_nothing_behind() -> None:
    line = Line()
    line.passes(500)
    line.streams(4000)
    assert line.left_out_ms == 0
    line.arrives(500)  # later it is ahead: that silence is no reason any more
    line.streams(2000)
    assert line.left_out_ms == 0


def test_jitter_is_left_alone() -> None:
    line = Line()
    for late_ms in _jitter():
        line.passes(20 + late_ms)
        line.arrives()
        line.passes(20 - late_ms)
        line.arrives()
    assert line.left_out_ms == 0


def test_another_item_begins_anew() -> None:
    line = Line()
    line.stalls(300)
    line.delay.begin(line.now_s)
    line.streams(2000)
    assert line.left_out_ms == 0


def _jitter() -> Iterable[float]:
    return (10 * (number * 7 % 5 - 2) for number in range(200))
