"""The callers' words: who said them, when, and which of their changes are worth telling."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from bridge.ids import Identity
from bridge.ports.clock import Clock
from bridge.ports.event import Role, Transcript

# A reader sees no more than a few changes a second, and each event repeats the whole text.
_PARTIAL_EVERY_S: Final = 0.25
_MAX_ITEMS: Final = 64
"""Items whose words may still come; an older one never got its end and is given up."""


@dataclass(slots=True)
class _Said:
    text: str = ""
    speaker: Identity | None = None
    start_offset_s: float | None = None
    end_offset_s: float | None = None
    told_s: float | None = None


class Transcripts:
    """Collects deltas into texts. Partial ones are told a few times a second, final ones always."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: OrderedDict[str, _Said] = OrderedDict()

    def began(self, item_id: str, speaker: Identity | None, offset_s: float) -> None:
        """Note who seems to have begun to speak, and when."""
        said = self._item(item_id)
        said.speaker, said.start_offset_s = speaker, offset_s

    def stopped(self, item_id: str, speaker: Identity | None, offset_s: float) -> None:
        """Note who has spoken, where that is clearer now, and until when."""
        said = self._item(item_id)
        said.speaker = speaker or said.speaker
        said.end_offset_s = offset_s

    def grow(self, item_id: str, delta: str) -> Transcript | None:
        """Add to an item's text; return what to tell, if it is time to tell something."""
        said = self._item(item_id)
        said.text += delta
        now_s = self._clock.monotonic_s()
        if said.told_s is not None and now_s - said.told_s < _PARTIAL_EVERY_S:
            return None
        said.told_s = now_s
        return self._told(item_id, said, final=False)

    def finish(self, item_id: str, text: str, confidence: float | None = None) -> Transcript:
        """Set an item's final text; return what to tell."""
        said = self._item(item_id)
        said.text = text
        return self._told(item_id, said, final=True, confidence=confidence)

    @staticmethod
    def _told(
        item_id: str, said: _Said, *, final: bool, confidence: float | None = None
    ) -> Transcript:
        return Transcript(
            item_id,
            Role.USER,
            said.text,
            final,
            confidence,
            said.speaker,
            said.start_offset_s,
            said.end_offset_s,
        )

    def _item(self, item_id: str) -> _Said:
        said = self._said.get(item_id)
        if said is None:
            said = self._said[item_id] = _Said()
            if len(self._said) > _MAX_ITEMS:
                self._said.popitem(last=False)
        return said
