"""Which state may follow which, row by row."""

import pytest

from bridge.calls.state import NEXT, check_move
from bridge.ports.call import CallState

CREATED, WAITING, ACTIVE, RECONNECTING, ENDING, ENDED = CallState

ALLOWED = {
    (CREATED, WAITING),
    (CREATED, ENDING),
    (WAITING, ACTIVE),
    (WAITING, RECONNECTING),
    (WAITING, ENDING),
    (ACTIVE, RECONNECTING),
    (ACTIVE, ENDING),
    (RECONNECTING, WAITING),
    (RECONNECTING, ACTIVE),
    (RECONNECTING, ENDING),
    (ENDING, ENDED),
}


def test_every_state_has_a_row() -> None:
    assert set(NEXT) == set(CallState)


@pytest.mark.parametrize("before", CallState)
@pytest.mark.parametrize("after", CallState)
def test_only_the_table_s_moves_are_moves(before: CallState, after: CallState) -> None:
    if (before, after) in ALLOWED:
        check_move(before, after)
    else:
        with pytest.raises(AssertionError, match=f"{before.value} to {after.value}"):
            check_move(before, after)


def test_nothing_follows_the_end() -> None:
    assert not NEXT[ENDED]


def test_every_state_but_the_last_can_end() -> None:
    assert all(ENDING in NEXT[state] for state in CallState if state not in (ENDING, ENDED))
