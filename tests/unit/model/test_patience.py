"""Reconnecting is quick at first, slower later, and ends."""

from bridge.model.patience import Patience


def delays(patience: Patience, tries: int, *, each_takes_s: float = 0.0) -> list[float | None]:
    now_s, told = 100.0, []
    for _ in range(tries):
        patience.failed(now_s)
        delay_s = patience.delay_s(now_s)
        told.append(delay_s)
        now_s += each_takes_s + (delay_s or 0.0)
    return told


def test_the_first_try_is_made_at_once_and_the_next_ones_ever_later() -> None:
    assert delays(Patience(8, 10), 6) == [0.0, 0.25, 0.5, 1.0, 2.0, 2.0]


def test_too_many_failures_in_a_row_are_the_end() -> None:
    assert delays(Patience(2, 10), 3) == [0.0, 0.25, None]


def test_a_try_that_would_come_too_late_is_not_made() -> None:
    assert delays(Patience(8, 10), 5, each_takes_s=3) == [0.0, 0.25, 0.5, None, None]


def test_a_session_that_proved_itself_ends_the_row() -> None:
    patience = Patience(2, 10)
    assert delays(patience, 2) == [0.0, 0.25]
    patience.proved()
    assert delays(patience, 3) == [0.0, 0.25, None]


def test_a_try_may_take_what_is_left() -> None:
    patience = Patience(8, 10)
    patience.failed(100.0)
    assert patience.left_s(104.0) == 6.0
    assert patience.left_s(111.0) == 0.0
