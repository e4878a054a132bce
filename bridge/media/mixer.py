"""How do several people who speak at once become the one voice a model hears?

One speaker passes through untouched. With several, one of them is the reference: each of its
frames leaves at once, with whatever the others have ready added to it. Nobody waits for
anybody, and no timer runs: a reference that stalls is replaced by the first speaker whose own
sound has piled up, which is then heard in one go. So after a stall of this whole process the
speakers' backlogs are heard one after the other: late, but nothing is lost and no delay stays.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bridge.media.level import Level, LevelMeter, rms_dbfs
from bridge.pcm import FRAME_MS, ROOM_RATE_HZ

# A speaker with this many frames waiting has seen the reference miss two in a row. Also the
# bound of what waits, 60 ms a speaker.
_TAKEOVER_FRAMES: Final = 3
# A delay that stands this many frames (0.5 s) was left by a stall, not by jitter.
_STANDING_FRAMES: Final = 25

_INT16_MIN: Final = -32768
_INT16_MAX: Final = 32767


@dataclass(slots=True)
class _Speaker:
    ring: deque[memoryview] = field(default_factory=deque)
    mixes_with_rest: int = 0
    meter: LevelMeter = field(default_factory=lambda: LevelMeter(ROOM_RATE_HZ))
    asked: Level = field(default_factory=Level)
    """The meter's when it was last asked who was loudest."""
    spoke: bool = False
    """Anything was heard of it since then."""


class Mixer:
    """Mixes 20 ms int16 frames of any number of speakers. Not more than one task may push."""

    def __init__(self) -> None:
        self._speakers: dict[str, _Speaker] = {}
        self._reference: str | None = None
        self._dropped_frames = 0
        self._mixed_frames = 0

    @property
    def speakers(self) -> int:
        return len(self._speakers)

    @property
    def dropped_ms(self) -> float:
        """Sound that was left out because its speaker was too far behind the others."""
        return float(self._dropped_frames * FRAME_MS)

    def push(self, sid: str, frame: memoryview) -> memoryview | None:
        """Take a speaker's frame; return what the model should hear now, if anything.

        The answer is one frame, or several in a row where this speaker has just become the
        reference and had frames waiting.
        """
        speaker = self._speakers.get(sid)
        if speaker is None:
            speaker = self._speakers[sid] = _Speaker()
        speaker.spoke = True
        if len(self._speakers) == 1 and not speaker.ring:
            # Alone: nothing to be mixed, and no need to measure who is the loudest.
            self._reference = sid
            return frame
        speaker.meter.push(frame)
        speaker.ring.append(frame)
        if self._reference is None or len(speaker.ring) >= _TAKEOVER_FRAMES:
            self._reference = sid
        if sid == self._reference:
            return self._emit(speaker)
        return None

    def remove(self, sid: str) -> None:
        """Forget a speaker. One that is unknown is no error."""
        speaker = self._speakers.pop(sid, None)
        if speaker is None:
            return
        self._dropped_frames += len(speaker.ring)
        if sid == self._reference:
            self._reference = next(iter(self._speakers), None)

    def loudest(self) -> str | None:
        """Return who was loudest since this was last asked, if anybody was heard."""
        loudest: tuple[float, str] | None = None
        for sid, speaker in self._speakers.items():
            now = speaker.meter.level
            loudness = rms_dbfs(speaker.asked, now)
            if speaker.spoke and (loudest is None or loudness > loudest[0]):
                loudest = loudness, sid
            speaker.asked, speaker.spoke = now, False
        return None if loudest is None else loudest[1]

    def __str__(self) -> str:
        return (
            f"Mixer({self.speakers} speakers, {self._mixed_frames} frames mixed, "
            f"{self.dropped_ms:.0f} ms dropped)"
        )

    def _emit(self, reference: _Speaker) -> memoryview:
        mixed = [self._mix(frame, reference) for frame in reference.ring]
        reference.ring.clear()
        reference.mixes_with_rest = 0
        return mixed[0] if len(mixed) == 1 else memoryview(b"".join(mixed))

    def _mix(self, frame: memoryview, reference: _Speaker) -> memoryview:
        if len(self._speakers) == 1:
            return frame
        others = [s for s in self._speakers.values() if s is not reference and s.ring]
        if not others:
            return frame
        self._mixed_frames += 1
        total = np.frombuffer(frame, np.int16).astype(np.int32)
        for other in others:
            samples = np.frombuffer(self._take(other), np.int16)[: total.size]
            total[: samples.size] += samples
        np.clip(total, _INT16_MIN, _INT16_MAX, out=total)
        return total.astype(np.int16).data.cast("B")

    def _take(self, speaker: _Speaker) -> memoryview:
        """Take a speaker's next frame, and work off a delay that has come to stand."""
        frame = speaker.ring.popleft()
        speaker.mixes_with_rest = speaker.mixes_with_rest + 1 if speaker.ring else 0
        if speaker.mixes_with_rest >= _STANDING_FRAMES:
            speaker.ring.popleft()
            speaker.mixes_with_rest = 0
            self._dropped_frames += 1
        return frame
