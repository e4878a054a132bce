"""How much of what was written has been played, item by item?

The output is one timeline. An item lies on it from where its first sound was written; what the
output has still queued is the timeline's end. So what was played of an item follows from two
numbers, and nothing has to be told when sound ends.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from bridge.pcm import BYTES_PER_SAMPLE, ROOM_RATE_HZ
from bridge.ports.room import AudioOutput

BYTES_PER_MS: Final = ROOM_RATE_HZ * BYTES_PER_SAMPLE // 1000

ItemKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ItemPlayed:
    """How much of one part of one item was heard."""

    item_id: str
    content_index: int
    received_ms: float
    """What the model sent of it."""
    played_ms: float
    """How far into it, by the model's time: what was left out before that is counted as played.

    What left the bridge; the network and the caller's jitter buffer are not counted.
    """


@dataclass(slots=True)
class Item:
    """One part of one item; its amounts are bytes of room audio."""

    key: ItemKey
    received: int = 0
    accepted: int = 0
    """Received, less what the buffer had no room for and what was left out."""
    written: int = 0
    left_out: list[tuple[int, int]] = field(default_factory=list)
    """Where something was left out: behind so much that is written, and how much up to there."""
    start: int = 0
    """Where on the timeline its first sound lies."""
    finished: bool = False
    """No more of it will be received."""

    @property
    def unwritten(self) -> int:
        return self.accepted - self.written

    def leave_out(self, amount: int, behind: int) -> None:
        """Note that so much is never written, of what comes behind so much that is."""
        self.accepted -= amount
        before = self.left_out[-1][1] if self.left_out else 0
        self.left_out.append((behind, before + amount))

    def position(self, played: int) -> int:
        """Return how far into the item it is heard, where so much of it was played."""
        passed = bisect_left(self.left_out, (played,))
        return played + self.left_out[passed - 1][1] if passed else played


class Ledger:
    """Follows items from being written to having been played."""

    def __init__(self, output: AudioOutput) -> None:
        self._output = output
        self._timeline = 0  # bytes written, padding included
        self._items: deque[Item] = deque()  # begun, and not known to be wholly played
        self._played = 0  # of items that are no longer followed
        self._cleared = 0

    @property
    def cleared(self) -> int:
        """What was given up unheard."""
        return self._cleared

    def wrote(self, item: Item, sound: int, padding: int) -> None:
        """Note that a frame with `sound` bytes of the item is going to the output now."""
        if not item.written:
            item.start = self._timeline
            self._items.append(item)
        item.written += sound
        self._timeline += sound + padding

    def took_back(self, item: Item, sound: int, padding: int) -> None:
        """Note that a frame, the newest that was written, will not be played after all."""
        item.written -= sound
        self._timeline -= sound + padding
        if not item.written:
            self._items.remove(item)

    def unplayed(self) -> tuple[Item, ...]:
        """Return the items that were begun and not wholly played, oldest first."""
        self._forget_played()
        return tuple(self._items)

    def report(self, item: Item) -> ItemPlayed:
        item_id, content_index = item.key
        played = item.position(self._played_of(item, self._position()))
        return ItemPlayed(
            item_id, content_index, item.received / BYTES_PER_MS, played / BYTES_PER_MS
        )

    def played_and_queued(self) -> tuple[int, int]:
        """Return the totals of what was played, and of what is written but not played yet."""
        self._forget_played()
        position = self._position()
        played = sum(self._played_of(item, position) for item in self._items)
        written = sum(item.written for item in self._items)
        return self._played + played, written - played

    def clear(self, unbegun: tuple[Item, ...]) -> None:
        """Give up everything not played; the output is cleared in the same breath."""
        position = self._position()
        for item in self._items:
            played = self._played_of(item, position)
            self._played += played
            self._cleared += item.accepted - played
        self._cleared += sum(item.accepted for item in unbegun)
        self._items.clear()
        self._output.clear()
        self._timeline = position

    def _position(self) -> int:
        return self._timeline - int(self._output.queued_ms * BYTES_PER_MS)

    @staticmethod
    def _played_of(item: Item, position: int) -> int:
        return min(max(position - item.start, 0), item.written) if item.written else 0

    def _forget_played(self) -> None:
        position = self._position()
        while self._items:
            oldest = self._items[0]
            # An unfinished item stays: its next sound may come at any time.
            over = oldest.finished and not oldest.unwritten
            if not over or self._played_of(oldest, position) < oldest.written:
                return
            self._played += oldest.written
            self._items.popleft()
