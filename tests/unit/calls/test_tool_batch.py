"""Calls of one response are spoken of once, when all of them are answered."""

import pytest

from bridge.calls.tools.batch import ToolBatch, Wish


def batch_of(*wishes: Wish, said_something: bool = False) -> ToolBatch:
    batch = ToolBatch(unanswered=len(wishes), said_something=said_something)
    for wish in wishes:
        batch.answered(wish)
    return batch


def test_it_closes_once_and_only_when_all_is_answered() -> None:
    batch = ToolBatch(unanswered=2)
    batch.answered(Wish.ANSWER)
    assert not batch.close()
    batch.answered(Wish.NOTHING)
    assert batch.close()
    assert not batch.close()


@pytest.mark.parametrize(
    ("batch", "silent", "wants"),
    [
        (batch_of(Wish.NOTHING), True, False),
        (batch_of(Wish.ANSWER), False, True),
        (batch_of(Wish.NOTHING, Wish.ANSWER), False, True),
        (batch_of(Wish.ANSWER_IF_SILENT), True, True),
        (batch_of(Wish.ANSWER_IF_SILENT), False, False),
        (batch_of(Wish.ANSWER_UNLESS_SAID), True, True),
        (batch_of(Wish.ANSWER_UNLESS_SAID, said_something=True), True, False),
        (batch_of(Wish.ANSWER, said_something=True), True, True),
    ],
)
def test_the_strongest_wish_decides(batch: ToolBatch, silent: bool, wants: bool) -> None:
    assert batch.wants_answer(silent=silent) is wants
