"""What waits to be written: in order, bounded, and the end of a call in one piece."""

from dataclasses import replace

import pytest

from bridge.ids import ConnectionId
from bridge.ports.call import CallState
from bridge.ports.host import Epoch
from bridge.retention import Retention
from bridge.store import pending as pending_module
from bridge.store.pending import EVENTS_NOT_STORED, Batch, Pending
from bridge.store.rows import report_of, view_of
from bridge.v1 import event_pb2
from tests.unit.store.calls import EPOCH, event, last, over, placed, report, view

CALL = view().connection_id


@pytest.fixture
def pending() -> Pending:
    return Pending()


def sequences(batch: Batch) -> list[int]:
    return [one.sequence for one in batch.events]


def all_of(pending: Pending) -> list[Batch]:
    batches = []
    while pending.news.is_set():
        batches.append(pending.take())
    return batches


def end(pending: Pending, sequence: int, number: int = 1) -> None:
    pending.save(report(over(view(number))))
    pending.update(over(view(number)), EPOCH)
    pending.append(last(view(number), sequence))


def test_call_is_written_as_it_begins(pending: Pending) -> None:
    assert not pending.news.is_set()
    pending.enter(placed())
    assert pending.news.is_set()
    (row,) = pending.take().calls
    assert (row.connection_id, row.tenant_id, row.ended_us, row.report) == (
        CALL,
        "acme",
        None,
        None,
    )
    assert not pending.news.is_set()


def test_of_many_changes_the_newest_is_written_once(pending: Pending) -> None:
    pending.enter(placed())
    for state in (CallState.WAITING, CallState.ACTIVE):
        pending.update(replace(view(), state=state), EPOCH)
    (batch,) = all_of(pending)
    (row,) = batch.calls
    assert view_of(row.view).state is CallState.ACTIVE


def test_what_changes_all_the_time_is_not_worth_a_write(pending: Pending) -> None:
    pending.enter(placed())
    pending.take()
    pending.update(replace(view(), last_sequence=7, active_duration_s=3.0), EPOCH)
    assert not pending.news.is_set()


def test_draft_brings_the_call_as_it_is_now(pending: Pending) -> None:
    pending.enter(placed())
    pending.take()
    pending.draft(report(replace(view(), last_sequence=7)))
    (row,) = pending.take().calls
    assert view_of(row.view).last_sequence == 7
    assert row.report is not None
    assert report_of(row.report).turns[0].user_text == "Hello?"
    assert row.ended_us is None


def test_draft_that_was_left_a_while_ago_does_not_take_its_call_back(pending: Pending) -> None:
    pending.enter(placed())
    pending.update(replace(view(), last_sequence=7, state=CallState.ACTIVE), EPOCH)
    pending.draft(report(replace(view(), last_sequence=6)))
    (row,) = pending.take().calls
    assert view_of(row.view).state is CallState.ACTIVE
    assert row.report is not None


def test_events_are_written_in_order_some_at_a_time(pending: Pending) -> None:
    pending.enter(placed())
    for sequence in range(1, 1001):
        pending.append(event(view(), sequence))
    batches = all_of(pending)
    assert len(batches) > 1
    written = [sequence for batch in batches for sequence in sequences(batch)]
    assert written == list(range(1, 1001))


def test_event_that_is_told_again_waits_once(pending: Pending) -> None:
    pending.enter(placed())
    for sequence in (1, 2, 2, 1, 3):
        pending.append(event(view(), sequence))
    assert sequences(pending.take()) == [1, 2, 3]


def test_end_comes_in_one_piece_behind_all_that_was_before_it(pending: Pending) -> None:
    pending.enter(placed())
    for sequence in range(1, 301):
        pending.append(event(view(), sequence))
    end(pending, 301)
    *before, final = all_of(pending)
    assert before
    assert all(row.ended_us is None for batch in before for row in batch.calls)
    (row,) = final.calls
    assert row.ended_us is not None
    assert row.report is not None
    assert report_of(row.report).complete
    assert sequences(final)[-1] == 301
    assert final.events[-1].is_last


@pytest.mark.parametrize("told_last", ["event", "view"])
def test_end_waits_for_its_event_and_for_its_view(pending: Pending, told_last: str) -> None:
    pending.enter(placed())
    pending.take()
    pending.save(report(over(view())))
    if told_last == "event":
        pending.update(over(view()), EPOCH)
        assert not pending.news.is_set()
        pending.append(last(view(), 1))
    else:
        pending.append(last(view(), 1))
        assert not pending.news.is_set()
        pending.update(over(view()), EPOCH)
    (row,) = pending.take().calls
    assert row.ended_us is not None


def test_nothing_is_heard_of_an_earlier_life_nor_behind_the_end(pending: Pending) -> None:
    pending.enter(placed())
    pending.take()
    pending.update(replace(view(), state=CallState.ACTIVE), Epoch(0))
    assert not pending.news.is_set()
    end(pending, 1)
    pending.take()
    pending.append(event(view(), 2))
    pending.update(replace(view(), state=CallState.ACTIVE), EPOCH)
    pending.draft(report(view()))
    assert not pending.news.is_set()


def test_nothing_waits_of_a_call_that_never_was(pending: Pending) -> None:
    pending.append(event(view(), 1))
    pending.update(over(view()), EPOCH)
    pending.save(report(over(view())))
    assert not pending.news.is_set()


def test_call_that_never_began_is_forgotten_with_its_events(pending: Pending) -> None:
    pending.enter(placed())
    pending.append(event(view(), 1))
    pending.forget(CALL)
    (batch,) = all_of(pending)
    assert batch == Batch(forgotten=(CALL,))


def test_events_of_a_stuck_store_are_lost_and_the_report_says_so(
    pending: Pending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_module, "MAX_EVENTS", 3)
    pending.enter(placed())
    pending.enter(placed(2))
    for sequence in range(1, 6):
        pending.append(event(view(), sequence))
    pending.append(event(view(2), 1))
    end(pending, 6)
    end(pending, 2, number=2)
    assert pending.events_lost == 3
    batches = all_of(pending)
    kept = [(one.connection_id, one.sequence) for batch in batches for one in batch.events]
    assert kept == [(CALL, 1), (CALL, 2), (CALL, 3), (CALL, 6), ("call-2", 2)]
    rows = {row.connection_id: row for batch in batches for row in batch.calls if row.ended_us}
    for call, lost in ((CALL, 2), (ConnectionId("call-2"), 1)):
        stored = rows[call].report
        assert stored is not None
        incident = report_of(stored).incidents[-1]
        assert (incident.code, incident.message) == (
            EVENTS_NOT_STORED,
            f"{lost} events could not be stored",
        )
    ended = event_pb2.CallEvent.FromString(batches[-1].events[-1].payload).ended
    assert [one.code for one in ended.report.incidents] == [EVENTS_NOT_STORED]


def test_events_are_bounded_by_their_size_too(
    pending: Pending, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(event(view(), 1).payload)
    monkeypatch.setattr(pending_module, "MAX_EVENT_BYTES", 2 * size)
    pending.enter(placed())
    for sequence in (1, 2, 3):
        pending.append(event(view(), sequence))
    assert sequences(pending.take()) == [1, 2]
    pending.append(event(view(), 4))
    assert sequences(pending.take()) == [4]
    assert pending.events_lost == 1


def test_of_ends_too_the_oldest_is_given_up_at_last(
    pending: Pending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_module, "MAX_ENDS", 2)
    for number in (1, 2, 3):
        pending.enter(placed(number))
        pending.append(event(view(number), 1))
        end(pending, 2, number)
    batches = all_of(pending)
    ended = [row.connection_id for batch in batches for row in batch.calls if row.ended_us]
    assert ended == ["call-2", "call-3"]


def test_of_a_call_that_may_not_be_kept_only_its_life_is_written(pending: Pending) -> None:
    pending.enter(placed(retention=Retention.NONE))
    pending.append(event(view(), 1))
    pending.draft(report(view(retention=Retention.NONE)))
    live = pending.take()
    assert live.events == ()
    assert live.calls[0].report is None
    pending.save(report(over(view(retention=Retention.NONE))))
    pending.update(over(view(retention=Retention.NONE)), EPOCH)
    pending.append(last(view(), 2))
    assert pending.take() == Batch(forgotten=(CALL,))
