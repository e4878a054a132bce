"""Which of the agent's words have been heard? Its text, released at the pace of its voice.

No model tells when it speaks which word. So the share of an item's sound that was played is taken
as the share of its text that was spoken, by characters and down to the last whole word. That is
off by a word or two where the agent pauses or speaks unevenly. Until all sound of an item is
there its length is not known, and its text may be ahead of it; then speech is taken to be no
faster than anybody speaks. A text that is finished before any of its sound arrives is taken to
have no sound.
"""

import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from bridge.media.ledger import ItemPlayed
from bridge.ports.clock import Clock
from bridge.ports.event import Role, Transcript

# A reader sees no more than a few changes a second, and each event repeats the whole text.
_PARTIAL_EVERY_S: Final = 0.25
# Hurried English is about 20 characters a second.
_FASTEST_CHARS_PER_S: Final = 25.0
# Less than a sample rate's rounding can leave over.
_WHOLLY_MS: Final = 1.0
_MAX_ITEMS: Final = 64
"""Items that wait for their words or their sound; an older one is given up."""
_MAX_CLOSED: Final = 64
"""Items that are over, whose late words are still recognised."""

# Japanese and Chinese are written without spaces: there each character ends a word.
_SPACELESS: Final = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff0f"
_WORD: Final = re.compile(rf"[{_SPACELESS}]|[^\s{_SPACELESS}]+")


@dataclass(slots=True)
class _Item:
    parts: dict[int, str] = field(default_factory=dict)
    done_parts: set[int] = field(default_factory=set)
    received_ms: float = 0.0
    sound_ended: bool = False
    shown: int = 0

    @property
    def text(self) -> str:
        return "".join(self.parts[index] for index in sorted(self.parts))

    @property
    def has_all_words(self) -> bool:
        return bool(self.parts) and self.done_parts >= self.parts.keys()

    @property
    def has_all_sound(self) -> bool:
        return self.sound_ended or not self.received_ms

    def is_over(self, unheard_ms: float) -> bool:
        return self.has_all_words and self.has_all_sound and unheard_ms < _WHOLLY_MS

    def heard_chars(self, unheard_ms: float) -> int:
        """Return where the last word ends that was heard; never before what was shown."""
        if not self.received_ms:
            return self.shown
        text = self.text
        heard_ms = max(0.0, self.received_ms - unheard_ms)
        reached = len(text) * heard_ms / self.received_ms
        if not self.sound_ended:
            reached = min(reached, _FASTEST_CHARS_PER_S * heard_ms / 1000)
        elif unheard_ms < _WHOLLY_MS:
            return len(text)
        ends = (word.end() for word in _WORD.finditer(text))
        return max(self.shown, max((end for end in ends if end <= reached), default=0))


class SpokenWords:
    """Collects the agent's words and sound, and tells of the words what was heard."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._items: OrderedDict[str, _Item] = OrderedDict()
        self._over: OrderedDict[str, _Item] = OrderedDict()
        self._cut: deque[str] = deque(maxlen=_MAX_CLOSED)
        self._released_s: float | None = None

    def grow(self, item_id: str, part: int, delta: str) -> None:
        """Add to an item's text."""
        if item_id not in self._cut:
            parts = self._item(item_id).parts
            parts[part] = parts.get(part, "") + delta

    def finish(self, item_id: str, part: int, text: str) -> None:
        """Set the final text of an item's part."""
        if item_id not in self._cut:
            item = self._item(item_id)
            item.parts[part] = text
            item.done_parts.add(part)

    def sound_arrived(self, item_id: str, ms: float) -> None:
        """Note sound of an item; it ends that of the items before, as in `Playout`."""
        if item_id in self._cut:
            return
        for other_id, other in self._items.items():
            other.sound_ended = other.sound_ended or other_id != item_id
        item = self._item(item_id)
        item.received_ms += ms
        item.sound_ended = False

    def sound_ended(self, item_id: str) -> None:
        if item_id in self._items:
            self._items[item_id].sound_ended = True

    def knows(self, item_id: str) -> bool:
        return item_id in self._items or item_id in self._over

    def is_due(self) -> bool:
        """Return whether it is time to `release` again while the agent speaks."""
        now_s = self._clock.monotonic_s()
        return self._released_s is None or now_s - self._released_s >= _PARTIAL_EVERY_S

    def release(self, unplayed: Iterable[ItemPlayed]) -> list[Transcript]:
        """Return what to tell, given what is not wholly heard; final once all of it is."""
        told = []
        unheard_ms = _unheard_ms(unplayed)
        partials = self.is_due()
        for item_id, item in tuple(self._items.items()):
            unheard = unheard_ms.get(item_id, 0.0)
            if item.is_over(unheard):
                told.append(self._close(item_id))
            elif partials and (end := item.heard_chars(unheard)) > item.shown:
                item.shown = end
                told.append(Transcript(item_id, Role.AGENT, item.text[:end], final=False))
        if partials:
            self._released_s = self._clock.monotonic_s()
        return told

    def cut(self, unplayed: Iterable[ItemPlayed], *, for_good: bool = False) -> list[Transcript]:
        """End what was interrupted where it was heard to, and forget what was not heard at all.

        An item that was heard wholly still waits for the rest of its words, unless this is
        `for_good`.
        """
        told = []
        unheard_ms = _unheard_ms(unplayed)
        for item_id, item in tuple(self._items.items()):
            if item_id in unheard_ms or not item.received_ms or for_good:
                self._cut.append(item_id)
                end = item.heard_chars(unheard_ms.get(item_id, 0.0))
                del self._items[item_id]
                if end:
                    told.append(Transcript(item_id, Role.AGENT, item.text[:end], final=True))
        return told

    def _close(self, item_id: str) -> Transcript:
        item = self._over[item_id] = self._items.pop(item_id)
        if len(self._over) > _MAX_CLOSED:
            self._over.popitem(last=False)
        text = item.text
        item.shown = len(text)
        return Transcript(item_id, Role.AGENT, text, final=True)

    def _item(self, item_id: str) -> _Item:
        item = self._items.get(item_id)
        if item is None:
            # A further part may follow one that seemed to be the last.
            item = self._over.pop(item_id) if item_id in self._over else _Item()
            self._items[item_id] = item
            if len(self._items) > _MAX_ITEMS:
                self._items.popitem(last=False)
        return item


def _unheard_ms(unplayed: Iterable[ItemPlayed]) -> dict[str, float]:
    unheard: dict[str, float] = {}
    for part in unplayed:
        before_ms = unheard.get(part.item_id, 0.0)
        unheard[part.item_id] = before_ms + part.received_ms - part.played_ms
    return unheard
