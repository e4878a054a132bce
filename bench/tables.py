"""The figures as tables, on the screen."""

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
    if report.setup:
        console.print(_setup(report))
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


def _setup(report: Report) -> Table:
    table = _table("Setting up a call, ms", "figure", "p50", "p95", "p99", "most", "samples")
    rounds = report.setup
    figures = {
        "CreateRoom, the first after the start": [r.first_create_ms for r in rounds],
        "CreateRoom, one after the other": [ms for r in rounds for ms in r.create_ms],
        "CreateRoom, 4 at once": [ms for r in rounds for ms in r.create_4_at_once_ms],
        "join to being in the room": [ms for r in rounds for ms in r.joined_ms],
        "join to the bot's track": [ms for r in rounds for ms in r.track_ms],
        "join to the first agent audio": [ms for r in rounds for ms in r.first_audio_ms],
    }
    for name, values in figures.items():
        table.add_row(name, *_columns(spread(values)))
    return table


def _barge_in(report: Report) -> Table:
    said = sum(each.said for each in report.barge_in)
    ignored = sum(each.ignored for each in report.barge_in)
    title = f"Barge-in, ms ({said} interruptions, {ignored} ignored)"
    table = _table(title, "figure", "p50", "p95", "p99", "most", "samples")
    rounds = report.barge_in
    totals = [ms for each in rounds for ms in each.total_ms]
    vads = [ms for each in rounds for ms in each.vad_ms]
    figures = {
        "first sound to silence at the ear": totals,
        "of it the model's voice detection": vads,
        "without the voice detection": [a - b for a, b in zip(totals, vads, strict=True)],
        "first sound to its arrival at the model": [ms for each in rounds for ms in each.up_ms],
        "detection to silence at the ear": [ms for each in rounds for ms in each.down_ms],
    }
    for name, values in figures.items():
        table.add_row(name, *_columns(spread(values)))
    return table


def _columns(values: Spread) -> list[str]:
    times = (values.p50, values.p95, values.p99, values.most)
    return [*(f"{each:.0f}" for each in times), str(values.count)]


def _spread(values: Spread) -> str:
    return f"{values.p50:.0f} / {values.p95:.0f} / {values.p99:.0f}"


def _range(values: Range, digits: int) -> str:
    least, most = f"{values.least:.{digits}f}", f"{values.most:.{digits}f}"
    return f"{values.median:.{digits}f} ({least} - {most})"
