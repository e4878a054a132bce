"""What was said so far? The conversation as text, to tell it to a new session."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal

from bridge.pcm import MODEL_RATE_HZ, duration_ms
from bridge.ports.model import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    ModelEvent,
    SpeechStarted,
    UserTextDelta,
    UserTextDone,
)

Item = dict[str, object]
"""An item as the wire wants it in conversation.item.create."""

# An hour of talk; beyond that the model has forgotten the beginning anyway.
_MAX_ITEMS: Final = 400
# About 12,000 tokens: with instructions and what is still to come, well inside a context of 32,000.
_MAX_CHARS: Final = 48_000
# The protocol takes no longer ids from clients.
_MAX_ID_CHARS: Final = 32


@dataclass(slots=True)
class _Remembered:
    role: Literal["user", "assistant"]
    parts: dict[int, str] = field(default_factory=dict)
    received_ms: dict[int, float] = field(default_factory=dict)
    cut: tuple[int, float] | None = None
    """The part that was interrupted, and where; nothing behind it was heard."""

    @property
    def text(self) -> str:
        """What of the words was heard."""
        return "".join(self._heard(index) for index in sorted(self.parts)).strip()

    def _heard(self, index: int) -> str:
        words = self.parts[index]
        if self.cut is None or index < self.cut[0]:
            return words
        received_ms = self.received_ms.get(index, 0.0)
        if index > self.cut[0] or received_ms <= 0:
            return ""
        # Words have no times: they are taken to be spoken evenly, and half a word was not heard.
        length = int(len(words) * min(1.0, self.cut[1] / received_ms))
        if length >= len(words):
            return words
        heard = words[: length + 1]
        return heard[: heard.rfind(" ")] if " " in heard else ""


class Memory:
    """Items in the order in which they began. Too many: the oldest are forgotten."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, _Remembered] = OrderedDict()
        self.revision = 0
        """Grows with every change of what `items` returns."""

    def note(self, event: ModelEvent) -> None:
        """Take in what the model says."""
        match event:
            case SpeechStarted(item_id):
                self._item(item_id, "user")
            case UserTextDelta(item_id, text):
                self._grow(item_id, "user", 0, text)
            case UserTextDone(item_id, text):
                self._set(item_id, "user", 0, text)
            case AgentTextDelta(item_id, part, text):
                self._grow(item_id, "assistant", part, text)
            case AgentTextDone(item_id, part, text):
                self._set(item_id, "assistant", part, text)
            case AudioDelta(_, item_id, part, pcm):
                received = self._item(item_id, "assistant").received_ms
                received[part] = received.get(part, 0.0) + duration_ms(len(pcm), MODEL_RATE_HZ)
            case _:
                pass

    def truncate(self, item_id: str, part: int, end_ms: float) -> None:
        """Forget what of an item lies after `end_ms`."""
        if (item := self._items.get(item_id)) is not None:
            item.cut = (part, end_ms)
            self.revision += 1

    def delete(self, item_id: str) -> None:
        """Forget an item."""
        if self._items.pop(item_id, None) is not None:
            self.revision += 1

    def text_of(self, item_id: str) -> str:
        """Return an item's words, as far as they were heard; none for an unknown one."""
        item = self._items.get(item_id)
        return item.text if item else ""

    def items(self) -> list[Item]:
        """Return what is known in words, oldest first; of too many words the newest."""
        told: list[Item] = []
        left = _MAX_CHARS
        for item_id, item in reversed(self._items.items()):
            text = item.text
            left -= len(text)
            if left < 0:
                break
            if text:
                told.append(_as_item(item_id, item.role, text))
        return told[::-1]

    def item(self, item_id: str) -> tuple[Item, str] | None:
        """Return an item, and the id before it ("root" for the first), if it has words left."""
        before = "root"
        for item in self.items():
            if item.get("id") == item_id:
                return item, before
            before = str(item.get("id", before))
        return None

    def _grow(self, item_id: str, role: Literal["user", "assistant"], part: int, text: str) -> None:
        parts = self._item(item_id, role).parts
        parts[part] = parts.get(part, "") + text
        self.revision += 1

    def _set(self, item_id: str, role: Literal["user", "assistant"], part: int, text: str) -> None:
        self._item(item_id, role).parts[part] = text
        self.revision += 1

    def _item(self, item_id: str, role: Literal["user", "assistant"]) -> _Remembered:
        item = self._items.get(item_id)
        if item is None:
            item = self._items[item_id] = _Remembered(role)
            if len(self._items) > _MAX_ITEMS:
                self._items.popitem(last=False)
        return item


def _as_item(item_id: str, role: Literal["user", "assistant"], text: str) -> Item:
    kind = "input_text" if role == "user" else "output_text"
    # Under its old id, so that whoever cuts it later still finds it.
    named: Item = {"id": item_id} if len(item_id) <= _MAX_ID_CHARS else {}
    content = [{"type": kind, "text": text}]
    return named | {"type": "message", "role": role, "status": "completed", "content": content}
