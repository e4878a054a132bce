"""The figures as pictures."""

from pathlib import Path
from typing import Any

from bench import summary
from bench.results import BargeIn, Report

_COLOURS = {"echo": "#9aa5b1", "mediabridge": "#1f6feb"}
_SIZE = (8, 3.6)


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw what was measured; nothing where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra's
    except ImportError:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[Path] = []
    for name, wanted, paint in (
        ("latency", report.loopback, _latency),
        ("cost", report.loopback, _cost),
        ("barge-in", report.barge_in, _barge_in),
    ):
        if wanted:
            figure = Figure(figsize=_SIZE, layout="constrained")
            paint(report, figure.subplots())
            drawn.append(folder / f"performance-{name}.svg")
            # Without the date of drawing, the same figures give the same file.
            figure.savefig(drawn[-1], metadata={"Date": None})
    return drawn


def _latency(report: Report, axes: Any) -> None:  # noqa: ANN401 - matplotlib has no types
    """Draw how many bursts were back by when, at the fewest calls."""
    calls = summary.levels(report)[0]
    for system in summary.systems(report):
        rows = [row for row in report.loopback if (row.system, row.calls) == (system, calls)]
        times = sorted(ms for row in rows for ms in row.round_trip_ms)
        shares = [100 * (i + 1) / len(times) for i in range(len(times))]
        axes.step(times, shares, where="post", label=system, color=_COLOURS.get(system))
    axes.set_title(f"A burst's round trip, caller to caller, {calls} call at a time")
    axes.set_xlabel("ms")
    axes.set_ylabel("% of bursts back")
    axes.legend()


def _cost(report: Report, axes: Any) -> None:  # noqa: ANN401 - matplotlib has no types
    """Draw cores per call over the number of calls."""
    for system in summary.systems(report):
        found = [summary.of_loopback(report, system, calls) for calls in summary.levels(report)]
        rows = [row for row in found if row is not None]
        middle = [row.cores_per_call.median for row in rows]
        below = [row.cores_per_call.median - row.cores_per_call.least for row in rows]
        above = [row.cores_per_call.most - row.cores_per_call.median for row in rows]
        axes.errorbar(
            [row.calls for row in rows],
            middle,
            yerr=[below, above],
            marker="o",
            capsize=3,
            label=system,
            color=_COLOURS.get(system),
        )
    axes.set_title("Cores per call: median and range")
    axes.set_xlabel("calls at once")
    axes.set_xticks(summary.levels(report))
    axes.set_ylim(bottom=0)
    axes.legend()


def _barge_in(report: Report, axes: Any) -> None:  # noqa: ANN401 - matplotlib has no types
    """Draw each interruption as a bar of its three parts."""
    parts = {
        "caller to model": lambda each: each.up_ms,
        "the model's voice detection": lambda each: each.vad_ms,
        "model to silence at the ear": lambda each: each.down_ms,
    }
    done = [0.0] * sum(len(each.total_ms) for each in report.barge_in)
    for label, part in parts.items():
        lengths = _joined(report.barge_in, part)
        axes.barh(range(len(done)), lengths, left=done, label=label, height=1.0)
        done = [before + length for before, length in zip(done, lengths, strict=True)]
    axes.set_title("Barge-in: from the caller's first sound to silence")
    axes.set_xlabel("ms")
    axes.set_yticks([])
    axes.set_ylabel("interruptions")
    axes.legend()


def _joined(rounds: list[BargeIn], part: Any) -> list[float]:  # noqa: ANN401 - a lambda above
    return [ms for each in rounds for ms in part(each)]
