"""How does a call's sound get from the event loop to its file, without the loop ever waiting?"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, assert_never

from bridge.logs import get_logger
from bridge.media.stereo import StereoTimeline
from bridge.pcm import ROOM_RATE_HZ, byte_count, duration_ms
from bridge.ports.recording import OnTrouble, Recorded, RecordingPlan, RecordingTrouble
from bridge.recording.files import CHANNELS, SoundFile

# Sound is written when it is so old. Until then it can be taken back (what was written to the room
# and not played yet, 300 ms at most) or moved to where it was said, after a stall.
HOLD_S: Final = 0.5
# What waits for the writer at most, both sides together: a disk that stands still for longer loses
# the newest.
_LONGEST_WAIT_MS: Final = 20_000
_MOST_WAITING: Final = byte_count(_LONGEST_WAIT_MS, ROOM_RATE_HZ)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Heard:
    pcm: bytes
    arrived_s: float


@dataclass(frozen=True, slots=True)
class _Spoken:
    pcm: bytes
    starts_s: float


@dataclass(frozen=True, slots=True)
class _Cut:
    at_s: float


class FileTape:
    """A `Tape` over one file. `write` is the writer thread's; all else is the event loop's.

    Between the two stands a deque: one side appends, the other takes. Full, it loses the newest
    sound, which is counted; silence stands in its place.
    """

    def __init__(
        self,
        file: SoundFile,
        path: Path,
        plan: RecordingPlan,
        starts_s: float,
        on_trouble: OnTrouble,
        hurry: Callable[[], None],
    ) -> None:
        """
        :param hurry: lets the writer write soon.
        """
        self._file = file
        self._uri = path.absolute().as_uri()
        self._format = plan.format
        self._on_trouble = on_trouble
        self._hurry = hurry
        self._loop = asyncio.get_running_loop()
        self._timeline = StereoTimeline(starts_s)
        self._waiting: deque[_Heard | _Spoken | _Cut] = deque()
        self._put_bytes = 0  # the loop's count
        self._taken_bytes = 0  # the writer's count
        self._lost_bytes = 0
        self._size_bytes = file.size_bytes
        self._rows = 0
        self._ends_s: float | None = None
        self._failed = False
        self._over = asyncio.Event()
        self.closed = False
        """The writer has nothing more to do with it."""

    @property
    def uri(self) -> str:
        return self._uri

    def hear(self, pcm: memoryview, arrived_s: float) -> None:
        if self._has_room(len(pcm)):
            self._waiting.append(_Heard(bytes(pcm), arrived_s))

    def speak(self, pcm: memoryview, starts_s: float) -> None:
        if self._has_room(len(pcm)):
            self._waiting.append(_Spoken(bytes(pcm), starts_s))

    def cut(self, at_s: float) -> None:
        self._waiting.append(_Cut(at_s))

    def so_far(self) -> Recorded:
        return Recorded(
            uri=self._uri,
            format=self._format,
            duration_s=self._rows / ROOM_RATE_HZ,
            size_bytes=self._size_bytes,
            channels=CHANNELS,
            lost_s=duration_ms(self._lost_bytes, ROOM_RATE_HZ) / 1000,
            complete=self._over.is_set() and not self._failed,
        )

    async def finish(self, at_s: float) -> Recorded:
        if self._ends_s is None:
            self._ends_s = at_s
            self._hurry()
        await self._over.wait()
        return self.so_far()

    def write(self, now_s: float) -> None:
        """Write what is old enough; where the end has come, all of it. Never raises."""
        ends_s = self._ends_s
        try:
            self._take_what_waits()
            rows = self._timeline.take(now_s - HOLD_S if ends_s is None else ends_s)
            if not self._failed:
                self._file.write(rows)
                self._rows += len(rows)
                self._size_bytes = self._file.size_bytes
        except Exception as error:  # noqa: BLE001 - one recording must not end all others
            self._fail(error)
        if ends_s is not None:
            self._close()

    def _take_what_waits(self) -> None:
        while self._waiting:
            match self._waiting.popleft():
                case _Heard(pcm, arrived_s):
                    self._taken_bytes += len(pcm)
                    self._timeline.hear(pcm, arrived_s)
                case _Spoken(pcm, starts_s):
                    self._taken_bytes += len(pcm)
                    self._timeline.speak(pcm, starts_s)
                case _Cut(at_s):
                    self._timeline.cut(at_s)
                case other:
                    assert_never(other)

    def _has_room(self, size: int) -> bool:
        if self._failed:
            return False
        if self._put_bytes + size - self._taken_bytes <= _MOST_WAITING:
            self._put_bytes += size
            return True
        if not self._lost_bytes:
            self._on_trouble(RecordingTrouble.BEHIND)
        self._lost_bytes += size
        return False

    def _fail(self, error: Exception) -> None:
        if self._failed:
            return
        self._failed = True
        errno = error.errno if isinstance(error, OSError) else None
        _log.error("recording cannot be written", error=type(error).__name__, errno=errno)
        self._tell_loop(partial(self._on_trouble, RecordingTrouble.FAILED))

    def _close(self) -> None:
        try:
            self._size_bytes = self._file.close()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
        self.closed = True
        self._tell_loop(self._over.set)

    def _tell_loop(self, what: Callable[[], None]) -> None:
        # A disk may take longer than the loop lives: then nobody is there to be told.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what)
