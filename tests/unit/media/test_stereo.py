"""Where on the timeline does sound lie that comes early, late, in bursts, or is taken back?"""

import numpy as np
import pytest

from bridge.media.stereo import StereoTimeline
from bridge.pcm import ROOM_RATE_HZ

START_S = 100.0
FRAME_S = 0.02


def sound(seconds: float, value: int = 1000) -> bytes:
    return np.full(round(seconds * ROOM_RATE_HZ), value, np.int16).tobytes()


def spans(channel: np.ndarray) -> list[tuple[float, float]]:
    """Return from when to when there is sound, in milliseconds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (channel != 0).astype(int), [0]))))
    return [
        (float(begins) / 48, float(ends) / 48)
        for begins, ends in zip(edges[::2], edges[1::2], strict=True)
    ]


@pytest.fixture
def timeline() -> StereoTimeline:
    return StereoTimeline(START_S)


def test_each_side_has_its_channel_at_its_time(timeline: StereoTimeline) -> None:
    timeline.hear(sound(0.1), START_S + 0.3)  # has arrived: it began a tenth before
    timeline.speak(sound(0.1), START_S + 0.5)  # will be heard
    rows = timeline.take(START_S + 1)
    assert len(rows) == ROOM_RATE_HZ
    assert spans(rows[:, 0]) == [(200, 300)]
    assert spans(rows[:, 1]) == [(500, 600)]


def test_frames_that_jitter_join_without_a_seam(timeline: StereoTimeline) -> None:
    for number, jitter_s in enumerate((0, 0.03, -0.01, 0.04, 0.0)):
        timeline.hear(sound(FRAME_S), START_S + 0.5 + FRAME_S * number + jitter_s)
    ((begins, ends),) = spans(timeline.take(START_S + 1)[:, 0])
    assert ends - begins == 100
    assert begins == pytest.approx(470, abs=0.1), "as early as any of them allows"


def test_a_pause_is_silence_of_its_length(timeline: StereoTimeline) -> None:
    timeline.speak(sound(0.1), START_S)
    timeline.speak(sound(0.1), START_S + 0.4)
    assert spans(timeline.take(START_S + 1)[:, 1]) == [(0, 100), (400, 500)]


def test_burst_after_a_stall_lies_where_it_was_said(timeline: StereoTimeline) -> None:
    for number in range(5):
        timeline.hear(sound(FRAME_S), START_S + 0.1 + FRAME_S * number)
    late_s = START_S + 0.6
    for _ in range(10):  # 200 ms that a stall has held up
        timeline.hear(sound(FRAME_S), late_s)
    timeline.hear(sound(FRAME_S), late_s + FRAME_S)
    first, second = spans(timeline.take(START_S + 1)[:, 0])
    assert first == pytest.approx((80, 180), abs=0.1)
    assert second == pytest.approx((400, 620), abs=0.1)


def test_what_was_not_said_before_the_cut_is_gone(timeline: StereoTimeline) -> None:
    timeline.speak(sound(0.1), START_S + 0.1)
    timeline.speak(sound(0.1), START_S + 0.2)
    timeline.speak(sound(0.1), START_S + 0.5)
    timeline.cut(START_S + 0.25)
    timeline.speak(sound(0.1), START_S + 0.4)
    assert spans(timeline.take(START_S + 1)[:, 1]) == [(100, 250), (400, 500)]


def test_cut_leaves_the_callers_alone(timeline: StereoTimeline) -> None:
    timeline.hear(sound(0.2), START_S + 0.5)
    timeline.cut(START_S + 0.1)
    assert spans(timeline.take(START_S + 1)[:, 0]) == [(300, 500)]


def test_what_is_given_out_in_pieces_is_the_same(timeline: StereoTimeline) -> None:
    timeline.hear(sound(0.3), START_S + 0.4)
    pieces = [timeline.take(START_S + at) for at in (0.05, 0.15, 0.2, 0.33)]
    timeline.hear(sound(0.1), START_S + 0.5)
    pieces.append(timeline.take(START_S + 0.6))
    assert spans(np.concatenate(pieces)[:, 0]) == [(100, 500)]


def test_nothing_is_given_out_twice(timeline: StereoTimeline) -> None:
    timeline.hear(sound(0.1), START_S + 0.1)
    assert len(timeline.take(START_S + 0.2)) == 9600
    assert len(timeline.take(START_S + 0.1)) == 0
    timeline.cut(START_S)
    timeline.speak(sound(0.1), START_S + 0.05)  # too late for its place
    assert spans(timeline.take(START_S + 0.4)[:, 1]) == [(0, 100)]


def test_sender_whose_clock_is_fast_never_runs_far_ahead(timeline: StereoTimeline) -> None:
    """A tenth more sound than time, for a minute: what lies ahead is left out, in small pieces."""
    now_s = START_S
    rows = 0
    for _ in range(3000):
        now_s += FRAME_S
        timeline.hear(sound(FRAME_S * 1.1), now_s)
        rows += int(np.count_nonzero(timeline.take(now_s - 0.5)[:, 0]))
    rest = timeline.take(now_s + 10)
    ahead_ms = np.count_nonzero(rest[:, 0]) / 48
    assert 500 <= ahead_ms <= 500 + 150
    assert rows / ROOM_RATE_HZ == pytest.approx(59.5, abs=0.2)
