"""Who has a score, and how rounds add up."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import results, summary
from bench.machine import Load
from bench.results import Failure, Loopback, Report, Turns

_ROW = Loopback(
    system="echo",
    round=0,
    calls=4,
    said=200,
    lost=0,
    strange=0,
    torn_ms=0.0,
    round_trip_ms=[90.0, 110.0],
    up_ms=[45.0],
    down_ms=[50.0],
    track_ms=[300.0],
    cores=0.4,
    spent={"callers": 0.05},
    idle_mb=40.0,
    mb=60.0,
    load=Load(1.0, 0.0, 0.0),
)

_TURNS = Turns(
    system="mediabridge",
    round=0,
    calls=8,
    said=200,
    lost=0,
    torn=0,
    holes=0,
    strange=0,
    answer_ms=[280.0, 290.0],
    cores=0.4,
    load=Load(1.0, 0.0, 0.0),
)


@pytest.mark.parametrize(
    ("lost", "torn", "strange", "scored"),
    [(0, 0, 0, True), (1, 1, 0, True), (3, 0, 0, False), (1, 2, 0, False), (0, 0, 1, False)],
)
def test_turns_have_a_score_where_next_to_all_was_answered_whole(
    lost: int, torn: int, strange: int, scored: bool
) -> None:
    assert replace(_TURNS, lost=lost, torn=torn, strange=strange).has_score is scored


def test_turns_add_up_over_rounds() -> None:
    other = replace(_TURNS, round=1, torn=3, holes=4, answer_ms=[310.0], cores=0.8)
    (summed,) = summary.of_turns(Report("", "", {}, {}, turns=[_TURNS, other]))
    assert (summed.said, summed.torn, summed.holes, summed.scored) == (400, 3, 4, False)
    assert (summed.answer.count, summed.answer.p50) == (3, 290.0)
    assert summed.cores_per_call.median == pytest.approx(0.075)


@pytest.mark.parametrize(
    ("lost", "strange", "scored"), [(0, 0, True), (2, 0, True), (3, 0, False), (0, 1, False)]
)
def test_who_loses_a_hundredth_or_lets_strangers_hear_has_no_score(
    lost: int, strange: int, scored: bool
) -> None:
    assert replace(_ROW, lost=lost, strange=strange).has_score is scored


def test_nobody_who_said_nothing_has_a_score() -> None:
    assert not replace(_ROW, said=0).has_score


def test_rounds_that_are_added_to_a_report_count_on(tmp_path: Path) -> None:
    report = Report("2026-01-01", "abc", {"cores": 2}, {}, [_ROW, replace(_ROW, round=1)])
    report.failures.append(Failure("pipecat", 1, "it ended"))
    report.turns.append(_TURNS)
    report.save(tmp_path / "report.json")
    read = results.load(tmp_path / "report.json")
    assert read == report
    assert [read.rounds([part]) for part in ("loopback", "talk", "turns")] == [2, 0, 1]


def test_one_round_without_a_score_leaves_a_system_none() -> None:
    report = Report("", "", {}, {}, [_ROW, replace(_ROW, round=1, lost=50, cores=0.8)])
    summed = summary.of_loopback(report, "echo", 4)
    assert summed is not None
    assert not summed.scored
    assert (summed.said, summed.lost) == (400, 50)
    cores = summed.cores_per_call
    assert (round(cores.median, 6), cores.least, cores.most) == (0.15, 0.1, 0.2)
    assert summed.mb_per_call.median == 5.0
