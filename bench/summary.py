"""What do all rounds say together? Percentiles over every sample, and ranges over rounds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from bench.results import Loopback, Report


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution."""

    count: int
    p50: float
    p95: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class Range:
    """A figure over several rounds."""

    median: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class LoopbackSummary:
    """One system at one number of calls, over all rounds."""

    system: str
    calls: int
    scored: bool
    said: int
    lost: int
    strange: int
    torn_ms: float
    round_trip: Spread
    up: Spread
    down: Spread
    track: Spread
    cores_per_call: Range
    mb_per_call: Range
    idle_mb: Range


@dataclass(frozen=True, slots=True)
class TurnsSummary:
    """One system's turns at one number of calls, over all rounds."""

    system: str
    calls: int
    scored: bool
    said: int
    lost: int
    torn: int
    holes: int
    strange: int
    answer: Spread
    cores_per_call: Range


def spread(values: Iterable[float]) -> Spread:
    """Return the distribution of the values; zeros where there are none."""
    known = list(values)
    if not known:
        return Spread(0, 0.0, 0.0, 0.0, 0.0)
    p50, p95, p99 = (float(np.percentile(known, share)) for share in (50, 95, 99))
    return Spread(len(known), p50, p95, p99, max(known))


def range_of(values: Iterable[float]) -> Range:
    known = list(values)
    return Range(median(known), min(known), max(known)) if known else Range(0.0, 0.0, 0.0)


def minus(ours: Spread, floor: Spread) -> Spread:
    """Return what is added to the floor, percentile by percentile."""
    return Spread(
        ours.count,
        ours.p50 - floor.p50,
        ours.p95 - floor.p95,
        ours.p99 - floor.p99,
        ours.most - floor.most,
    )


def of_loopback(report: Report, system: str, calls: int) -> LoopbackSummary | None:
    """Sum up one system at one number of calls."""
    rows = [row for row in report.loopback if (row.system, row.calls) == (system, calls)]
    if not rows:
        return None
    return LoopbackSummary(
        system=system,
        calls=calls,
        scored=all(row.has_score for row in rows),
        said=sum(row.said for row in rows),
        lost=sum(row.lost for row in rows),
        strange=sum(row.strange for row in rows),
        torn_ms=sum(row.torn_ms for row in rows),
        round_trip=spread(_all(row.round_trip_ms for row in rows)),
        up=spread(_all(row.up_ms for row in rows)),
        down=spread(_all(row.down_ms for row in rows)),
        track=spread(_all(row.track_ms for row in rows)),
        cores_per_call=range_of(row.cores / calls for row in rows),
        mb_per_call=range_of(_mb_per_call(row) for row in rows),
        idle_mb=range_of(row.idle_mb for row in rows),
    )


def of_turns(report: Report) -> list[TurnsSummary]:
    """Sum up every system's turns, by the number of calls."""
    found = sorted({(row.calls, row.system) for row in report.turns})
    return [_of_turns(report, system, calls) for calls, system in found]


def _of_turns(report: Report, system: str, calls: int) -> TurnsSummary:
    rows = [row for row in report.turns if (row.system, row.calls) == (system, calls)]
    return TurnsSummary(
        system=system,
        calls=calls,
        scored=all(row.has_score for row in rows),
        said=sum(row.said for row in rows),
        lost=sum(row.lost for row in rows),
        torn=sum(row.torn for row in rows),
        holes=sum(row.holes for row in rows),
        strange=sum(row.strange for row in rows),
        answer=spread(_all(row.answer_ms for row in rows)),
        cores_per_call=range_of(row.cores / calls for row in rows),
    )


def levels(report: Report) -> list[int]:
    return sorted({row.calls for row in report.loopback})


def systems(report: Report) -> list[str]:
    """Return the systems measured, the floor first."""
    return sorted({row.system for row in report.loopback}, key=lambda name: (name != "echo", name))


def _mb_per_call(row: Loopback) -> float:
    return (row.mb - row.idle_mb) / row.calls


def _all(parts: Iterable[Sequence[float]]) -> list[float]:
    return [value for part in parts for value in part]
