"""What did a call look like: both voices over time, turns and interruptions marked."""

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.v1.report_pb2 import CallReport

FORMATS: Final = ("png", "svg")

# More columns than pixels across would be drawn on top of each other.
_COLUMNS: Final = 1600
_INCHES: Final = (12.0, 4.5)
_DPI: Final = 120
_NAMES: Final = ("caller", "agent")
_COLOURS: Final = ("#2a6f97", "#c8553d")
_FULL_SCALE: Final = 32_768
_QUIET_LIMIT: Final = 0.05

_Envelope = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a line in the picture."""

    at_s: float
    label: str
    interrupts: bool = False


def marks_of(report: CallReport, began_at: datetime) -> list[Mark]:
    """Return the turns of a call, as seconds from `began_at`, the start of its recording.

    Both ends' clocks take part: across machines the marks are off by their difference.
    """
    marks = []
    interrupted = False
    for turn in report.turns:
        start = turn.start_time.ToDatetime(tzinfo=began_at.tzinfo)
        label = f"turn {turn.index}"
        if turn.HasField("latency"):
            label += f"\n{turn.latency.ToTimedelta().total_seconds() * 1000:.0f} ms"
        # A turn is interrupted by whoever begins the next one.
        marks.append(Mark((start - began_at).total_seconds(), label, interrupted))
        interrupted = turn.interrupted
    return marks


def draw(recording: Path, marks: Sequence[Mark], target: Path, title: str = "") -> None:
    """Draw a stereo recording (caller left, agent right) to a .png or .svg file.

    :raises ValueError: the target is neither, or the recording is not 16-bit stereo.
    """
    kind = target.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise ValueError(f"a picture is .png or .svg, not {target.name}")
    samples, rate_hz = _read(recording)
    # Not pyplot: it keeps figures in a global list and looks for a screen.
    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 1, sharex=True)
    for side, (name, colour) in enumerate(zip(_NAMES, _COLOURS, strict=True)):
        lows, highs, times = _envelope(samples[:, side], rate_hz)
        loudest = max(_QUIET_LIMIT, float(np.abs([lows, highs]).max(initial=0.0)))
        axes[side].fill_between(times, lows, highs, color=colour, linewidth=0.3)
        axes[side].set_ylabel(name)
        axes[side].set_ylim(-1.1 * loudest, 1.1 * loudest)
        axes[side].set_yticks([])
        axes[side].spines[["top", "right", "left"]].set_visible(False)
        axes[side].margins(x=0)
    for mark in marks:
        _draw_mark(axes, mark)
    axes[0].set_title(title, loc="left", fontsize=10, pad=24)
    axes[1].set_xlabel("seconds")
    figure.savefig(target, format=kind)


def _draw_mark(axes: NDArray[np.object_], mark: Mark) -> None:
    colour = "#a4161a" if mark.interrupts else "#555555"
    label = f"{mark.label}\ninterrupts" if mark.interrupts else mark.label
    for each in axes:
        each.axvline(mark.at_s, color=colour, linewidth=0.9, linestyle="--")
    axes[0].annotate(
        label,
        (mark.at_s, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(3, 2),
        textcoords="offset points",
        fontsize=7,
        color=colour,
        annotation_clip=True,
    )


def _read(recording: Path) -> tuple[NDArray[np.int16], int]:
    with wave.open(str(recording), "rb") as source:
        if (source.getnchannels(), source.getsampwidth()) != (2, 2):
            raise ValueError(f"{recording.name} is not a 16-bit stereo recording")
        frames = source.readframes(source.getnframes())
        return np.frombuffer(frames, dtype="<i2").reshape(-1, 2), source.getframerate()


def _envelope(samples: NDArray[np.int16], rate_hz: int) -> tuple[_Envelope, _Envelope, _Envelope]:
    """Return the lowest and the highest sample of each column, and when it begins."""
    step = max(1, len(samples) // _COLUMNS)
    whole = len(samples) // step * step
    columns = samples[:whole].astype(np.float64).reshape(-1, step) / _FULL_SCALE
    times = np.arange(len(columns), dtype=np.float64) * step / rate_hz
    if not len(columns):
        return np.zeros(0), np.zeros(0), times
    return columns.min(axis=1), columns.max(axis=1), times
