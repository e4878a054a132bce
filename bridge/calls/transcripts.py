"""The words of both sides, as they grow: what is worth telling watchers, and when."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from bridge.ports.clock import Clock
from bridge.ports.event import Role, Transcript

# A reader sees no more than a few changes a second, and each event repeats the whole text.
_PARTIAL_EVERY_S: Final = 0.25
_MAX_GROWING: Final = 64
"""Items whose text still grows; an older one never got its end and is given up."""


@dataclass(slots=True)
class _Growing:
    parts: dict[int, str] = field(default_factory=dict)
    told_s: float | None = None

    @property
    def text(self) -> str:
        return "".join(self.parts[index] for index in sorted(self.parts))


class Transcripts:
    """Collects deltas into texts. Partial ones are told a few times a second, final ones always."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._growing: OrderedDict[tuple[Role, str], _Growing] = OrderedDict()

    def grow(self, role: Role, item_id: str, delta: str, part: int = 0) -> Transcript | None:
        """Add to an item's text; return what to tell, if it is time to tell something."""
        item = self._item(role, item_id)
        item.parts[part] = item.parts.get(part, "") + delta
        now_s = self._clock.monotonic_s()
        if item.told_s is not None and now_s - item.told_s < _PARTIAL_EVERY_S:
            return None
        item.told_s = now_s
        return Transcript(item_id, role, item.text, final=False)

    def finish(
        self, role: Role, item_id: str, text: str, part: int = 0, confidence: float | None = None
    ) -> Transcript:
        """Set the final text of an item's part; return what to tell."""
        item = self._item(role, item_id)
        item.parts[part] = text
        return Transcript(item_id, role, item.text, final=True, confidence=confidence)

    def _item(self, role: Role, item_id: str) -> _Growing:
        key = (role, item_id)
        item = self._growing.get(key)
        if item is None:
            item = self._growing[key] = _Growing()
            if len(self._growing) > _MAX_GROWING:
                self._growing.popitem(last=False)
        return item
