"""The figures as pictures."""

from pathlib import Path
from typing import Any

from bench import summary
from bench.results import Report
from bench.summary import LoopbackSummary, spread

_COLOURS = {
    "echo": "#9aa5b1",
    "mediabridge": "#1f6feb",
    "livekit_agents": "#d97706",
    "pipecat": "#7c3aed",
}
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
        ("growth", report.loopback, _growth),
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


def _growth(report: Report, axes: Any) -> None:  # noqa: ANN401 - matplotlib has no types
    """Draw the round trip over the number of calls, p50 and p99, as far as a system has a score."""
    for system in summary.systems(report):
        rows = _scored(report, system)
        calls = [row.calls for row in rows]
        colour = _COLOURS.get(system)
        axes.plot(calls, [row.round_trip.p50 for row in rows], "o-", label=system, color=colour)
        axes.plot(calls, [row.round_trip.p99 for row in rows], ":", color=colour)
    axes.set_title("Round trip, p50 (line) and p99 (dots)")
    axes.set_xlabel("calls at once, on one core")
    axes.set_ylabel("ms")
    axes.set_xticks(summary.levels(report))
    axes.set_ylim(bottom=0)
    axes.legend()


def _cost(report: Report, axes: Any) -> None:  # noqa: ANN401 - matplotlib has no types
    """Draw cores per call over the number of calls."""
    for system in summary.systems(report):
        rows = _scored(report, system)
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


def _scored(report: Report, system: str) -> list[LoopbackSummary]:
    found = [summary.of_loopback(report, system, calls) for calls in summary.levels(report)]
    return [row for row in found if row is not None and row.scored]


def _barge_in(report: Report, axes: Any) -> None:  # noqa: ANN401 - matplotlib has no types
    """Draw where the time of an interruption goes, by the median of each part."""
    parts = {
        "caller to model": "up_ms",
        "the model's voice detection": "vad_ms",
        "model to silence at the ear": "down_ms",
    }
    systems = sorted({row.system for row in report.barge_in})
    done = [0.0] * len(systems)
    for label, name in parts.items():
        lengths = [
            spread(
                ms for row in report.barge_in if row.system == system for ms in getattr(row, name)
            ).p50
            for system in systems
        ]
        axes.barh(systems, lengths, left=done, label=label, height=0.6)
        done = [before + length for before, length in zip(done, lengths, strict=True)]
    axes.set_title("Barge-in: from the caller's first sound to silence, medians")
    axes.set_xlabel("ms")
    axes.legend()
