"""What of what was written to the output is not played yet, and can be taken back?"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from bridge.media.ledger import BYTES_PER_MS, Item
from bridge.pcm import TICK_MS

TICK_BYTES: Final = TICK_MS * BYTES_PER_MS
# More than an output ever holds: its queue of 200 ms, and the longest frame on its way there.
_REMEMBERED_BYTES: Final = 400 * BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class Frame:
    """What is written at once: sound of one item, and silence that fills a tick."""

    item: Item
    pcm: memoryview
    padding: int = 0

    @property
    def sound(self) -> int:
        return len(self.pcm) - self.padding


class Written:
    """The newest frames that were written."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    def append(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += len(frame.pcm)
        while self._bytes - len(self._frames[0].pcm) > _REMEMBERED_BYTES:
            self._bytes -= len(self._frames.popleft().pcm)

    def take_back(self, unplayed: int) -> list[Frame]:
        """Return what lies in the newest `unplayed` bytes, and forget all.

        Of a frame that is being played that is whole ticks: a few milliseconds of it are lost.
        """
        back: list[Frame] = []
        for frame in reversed(self._frames):
            if unplayed < TICK_BYTES:
                break
            size = min(unplayed, len(frame.pcm)) // TICK_BYTES * TICK_BYTES
            back.append(Frame(frame.item, frame.pcm[len(frame.pcm) - size :], frame.padding))
            unplayed -= len(frame.pcm)
        self.clear()
        return back[::-1]

    def clear(self) -> None:
        self._frames.clear()
        self._bytes = 0
