"""The figures as tables, on the screen."""

from statistics import median

from rich.console import Console
from rich.table import Table

from bench import summary
from bench.results import Report
from bench.summary import LoopbackSummary, Range, Spread, minus, spread


def show(report: Report, console: Console) -> None:
    """Print everything that was measured."""
    if report.loopback:
        console.print(_loopback(report))
        console.print(_added(report))
        console.print(_cost(report))
        console.print(_spenders(report))
    if report.setup:
        console.print(_setup(report))
    if report.turns:
        console.print(_turns(report))
    if report.barge_in:
        console.print(_barge_in(report))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    return table


def _rows(report: Report) -> list[LoopbackSummary]:
    found = [
        summary.of_loopback(report, system, calls)
        for calls in summary.levels(report)
        for system in summary.systems(report)
    ]
    return [row for row in found if row is not None]


def _loopback(report: Report) -> Table:
    table = _table(
        "Loopback, ms: p50 / p95 / p99",
        *("system", "calls", "round trip", "up", "down", "bursts", "lost", "strange", "torn ms"),
    )
    for row in _rows(report):
        times = [_spread(each) for each in (row.round_trip, row.up, row.down)]
        shown = times if row.scored else ["no score: sound was lost", "", ""]
        counts = [f"{each:.0f}" for each in (row.said, row.lost, row.strange, row.torn_ms)]
        table.add_row(row.system, str(row.calls), *shown, *counts)
    return table


def _added(report: Report) -> Table:
    table = _table(
        "Added beyond the echo bot, ms: p50 / p95 / p99",
        *("system", "calls", "both ways", "up", "down", "p50 to echo's"),
    )
    for row in _rows(report):
        floor = summary.of_loopback(report, "echo", row.calls)
        if floor is None or row.system == "echo" or not (row.scored and floor.scored):
            continue
        table.add_row(
            row.system,
            str(row.calls),
            _spread(minus(row.round_trip, floor.round_trip)),
            _spread(minus(row.up, floor.up)),
            _spread(minus(row.down, floor.down)),
            f"{row.round_trip.p50 / floor.round_trip.p50:.2f}",
        )
    return table


def _cost(report: Report) -> Table:
    table = _table(
        "Cost of the system's own processes: median (least - most)",
        *("system", "calls", "cores per call", "to echo's", "MB per call", "MB idle", "track ms"),
    )
    for row in _rows(report):
        if not row.scored:
            table.add_row(row.system, str(row.calls), "no score: sound was lost")
            continue
        floor = summary.of_loopback(report, "echo", row.calls)
        ratio = row.cores_per_call.median / floor.cores_per_call.median if floor else 0.0
        table.add_row(
            row.system,
            str(row.calls),
            _range(row.cores_per_call, 3),
            f"{ratio:.2f}",
            _range(row.mb_per_call, 1),
            _range(row.idle_mb, 0),
            _spread(row.track),
        )
    return table


def _spenders(report: Report) -> Table:
    """Say who used the machine: whoever is at its core's end is what saturates."""
    names = list(dict.fromkeys(name for row in report.loopback for name in row.spent))
    table = _table("Cores in all, median of the rounds", "system", "calls", "itself", *names)
    for calls in summary.levels(report):
        for system in summary.systems(report):
            rows = [r for r in report.loopback if (r.system, r.calls) == (system, calls)]
            if rows:
                itself = f"{median(row.cores for row in rows):.2f}"
                rest = [f"{median(row.spent.get(name, 0.0) for row in rows):.2f}" for name in names]
                table.add_row(system, str(calls), itself, *rest)
    return table


def _setup(report: Report) -> Table:
    table = _table(
        "Beginning a call, ms: p50 / p95 / p99",
        *("system", "at once", "created", "joined", "join to track", "join to sound"),
        *("asked to sound", "calls"),
    )
    for system, calls in sorted({(row.system, row.calls) for row in report.setup}):
        rows = [row for row in report.setup if (row.system, row.calls) == (system, calls)]
        figures = [
            spread(ms for row in rows for ms in getattr(row, name))
            for name in ("created", "joined", "track", "audio", "ready")
        ]
        table.add_row(system, str(calls), *map(_spread, figures), str(figures[0].count))
    return table


def _turns(report: Report) -> Table:
    table = _table(
        "Turns, ms: p50 / p95 / p99",
        *("system", "calls", "question to answer", "questions", "lost", "torn", "holes"),
        *("strange", "score", "cores per call"),
    )
    for row in summary.of_turns(report):
        counts = (row.said, row.lost, row.torn, row.holes, row.strange)
        table.add_row(
            row.system,
            str(row.calls),
            _spread(row.answer),
            *map(str, counts),
            "yes" if row.scored else "no",
            _range(row.cores_per_call, 3),
        )
    return table


def _barge_in(report: Report) -> Table:
    table = _table(
        "Barge-in, ms: p50 / p95 / p99",
        *("system", "sound to silence", "to the model", "its detection", "from there"),
        *("without detection", "interruptions", "ignored"),
    )
    for system in sorted({row.system for row in report.barge_in}):
        rows = [row for row in report.barge_in if row.system == system]
        totals, ups, vads, downs = (
            [ms for row in rows for ms in getattr(row, name)]
            for name in ("total_ms", "up_ms", "vad_ms", "down_ms")
        )
        bare = [total - vad for total, vad in zip(totals, vads, strict=True)]
        figures = [_spread(spread(each)) for each in (totals, ups, vads, downs, bare)]
        said, ignored = sum(row.said for row in rows), sum(row.ignored for row in rows)
        table.add_row(system, *figures, str(said), str(ignored))
    return table


def _spread(values: Spread) -> str:
    return f"{values.p50:.0f} / {values.p95:.0f} / {values.p99:.0f}"


def _range(values: Range, digits: int) -> str:
    least, most = f"{values.least:.{digits}f}", f"{values.most:.{digits}f}"
    return f"{values.median:.{digits}f} ({least} - {most})"
