"""Is a call drawn, with its turns where they were?"""

import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bridge.demo.picture import Mark, draw, marks_of
from bridge.v1.report_pb2 import CallReport, Turn

BEGAN_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return stereo(tmp_path / "call.wav", 48_000 * 2)


def stereo(path: Path, samples: int, channels: int = 2) -> Path:
    times = np.arange(samples) / 48_000
    left = np.sin(2 * np.pi * 440 * times) * 8000
    frames = np.stack([left] * channels, axis=1).astype(np.int16)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(48_000)
        out.writeframes(frames.tobytes())
    return path


def turn(index: int, at_s: float, *, latency_ms: int | None = None, cut: bool = False) -> Turn:
    made = Turn(index=index, interrupted=cut)
    made.start_time.FromDatetime(BEGAN_AT + timedelta(seconds=at_s))
    if latency_ms is not None:
        made.latency.FromMilliseconds(latency_ms)
    return made


def test_turns_are_marked_from_the_recordings_begin() -> None:
    report = CallReport(turns=[turn(1, 0.5), turn(2, 3.0, latency_ms=230, cut=True), turn(3, 7.25)])
    assert marks_of(report, BEGAN_AT) == [
        Mark(0.5, "turn 1"),
        Mark(3.0, "turn 2\n230 ms"),
        Mark(7.25, "turn 3", interrupts=True),
    ]


def test_a_png_is_written(recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "call.png"
    draw(recording, [Mark(0.5, "turn 1"), Mark(1.5, "turn 2", interrupts=True)], target, "title")
    assert target.read_bytes().startswith(b"\x89PNG")


def test_an_svg_holds_the_marks(recording: Path, tmp_path: Path) -> None:
    target = tmp_path / "call.SVG"
    draw(recording, [Mark(0.5, "turn 1", interrupts=True)], target)
    text = target.read_text()
    assert "<svg" in text
    assert "interrupts" in text


@pytest.mark.parametrize("samples", [0, 1, 1000])
def test_a_short_call_is_drawn_too(tmp_path: Path, samples: int) -> None:
    target = tmp_path / "call.png"
    draw(stereo(tmp_path / "short.wav", samples), [], target)
    assert target.exists()


def test_other_kinds_and_mono_are_refused(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png or \.svg"):
        draw(recording, [], tmp_path / "call.gif")
    with pytest.raises(ValueError, match="stereo"):
        draw(stereo(tmp_path / "mono.wav", 100, channels=1), [], tmp_path / "call.png")
