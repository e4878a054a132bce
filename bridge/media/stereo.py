"""Where on a call's timeline lies what each side said? Two lanes of sound, as one stereo stream.

Sound comes stamped with when it was or will be heard. What is not given out yet can still be moved
(frames that a stall held up belong where they were said) and taken back (an interruption).
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from bridge.media.level import Samples
from bridge.pcm import BYTES_PER_SAMPLE, ROOM_RATE_HZ

# Frames come a little early or late; only a longer step is a pause.
_JITTER_SAMPLES: Final = 60 * ROOM_RATE_HZ // 1000
# A sender whose clock is fast: what lies further ahead than this is left out.
_AHEAD_SAMPLES: Final = 120 * ROOM_RATE_HZ // 1000


@dataclass(slots=True)
class _Run:
    """Sound without a seam, from one sample of the timeline on."""

    start: int
    pcm: bytearray

    @property
    def end(self) -> int:
        return self.start + len(self.pcm) // BYTES_PER_SAMPLE


class Lane:
    """One side's sound. Positions are samples from the timeline's beginning."""

    def __init__(self) -> None:
        self._runs: deque[_Run] = deque()
        self._given = 0
        self._end = 0  # behind the newest sound

    def add(self, pcm: bytes, start: int) -> None:
        """Add sound that was heard from `start` on, or earlier: it cannot have come too soon."""
        if start - self._end > _JITTER_SAMPLES or not self._end:
            self._append_run(pcm, max(start, self._end, self._given))
            return
        if self._runs and start < self._end:
            self._move_earlier(self._runs[-1], self._end - start)
        if self._end - start > _AHEAD_SAMPLES:
            return
        if self._runs:
            self._runs[-1].pcm += pcm
            self._end = self._runs[-1].end
        else:
            self._append_run(pcm, max(self._end, self._given))

    def cut(self, at: int) -> None:
        """Take back what lies behind this position."""
        while self._runs and self._runs[-1].start >= at:
            self._runs.pop()
        if self._runs and self._runs[-1].end > at:
            run = self._runs[-1]
            del run.pcm[(at - run.start) * BYTES_PER_SAMPLE :]
        self._end = self._runs[-1].end if self._runs else min(self._end, max(at, self._given))

    def take(self, until: int, into: Samples) -> None:
        """Give out what lies before `until`: into zeros that begin where the last one ended."""
        while self._runs and self._runs[0].start < until:
            run = self._runs[0]
            size = min(run.end, until) - run.start
            at = run.start - self._given
            into[at : at + size] = np.frombuffer(run.pcm, np.int16, count=size)
            if run.end <= until:
                self._runs.popleft()
            else:
                del run.pcm[: size * BYTES_PER_SAMPLE]
                run.start += size
        self._given = until

    def _append_run(self, pcm: bytes, start: int) -> None:
        self._runs.append(_Run(start, bytearray(pcm)))
        self._end = self._runs[-1].end

    def _move_earlier(self, run: _Run, by: int) -> None:
        before = self._runs[-2].end if len(self._runs) > 1 else self._given
        run.start -= min(by, run.start - before)
        self._end = run.end


class StereoTimeline:
    """The callers left, the agent right, from one moment of the monotonic clock on."""

    def __init__(self, starts_s: float) -> None:
        self._starts_s = starts_s
        self._callers = Lane()
        self._agent = Lane()
        self._given = 0

    def hear(self, pcm: bytes, arrived_s: float) -> None:
        """Add what the callers said, at the moment at which it arrived."""
        self._callers.add(pcm, self._position(arrived_s) - len(pcm) // BYTES_PER_SAMPLE)

    def speak(self, pcm: bytes, starts_s: float) -> None:
        """Add what the agent says, with when it begins to be heard."""
        self._agent.add(pcm, self._position(starts_s))

    def cut(self, at_s: float) -> None:
        """Take back what the agent has not said by then."""
        self._agent.cut(self._position(at_s))

    def take(self, until_s: float) -> Samples:
        """Give out all up to a moment, as rows of two samples; what comes later for it is late."""
        until = max(self._position(until_s), self._given)
        rows = np.zeros((until - self._given, 2), np.int16)
        self._callers.take(until, rows[:, 0])
        self._agent.take(until, rows[:, 1])
        self._given = until
        return rows

    def _position(self, at_s: float) -> int:
        return round((at_s - self._starts_s) * ROOM_RATE_HZ)
