"""What was said so far? The conversation as text, to tell it to a new session."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.model.items import (
    FunctionCalls,
    Item,
    MessageRole,
    added,
    context_items,
    function_call,
    message,
)
from bridge.pcm import MODEL_RATE_HZ, duration_ms
from bridge.ports.model_config import ContextItem
from bridge.ports.model_event import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    FunctionCall,
    ModelEvent,
    SpeechStarted,
    ToolAnswered,
    TurnCommitted,
    UserTextDelta,
    UserTextDone,
)
from bridge.ports.tool import ToolCallId

# An hour of talk; beyond that the model has forgotten the beginning anyway.
_MAX_ITEMS: Final = 400
# About 12,000 tokens: with instructions and what is still to come, well inside a context of 32,000.
_MAX_CHARS: Final = 48_000
# One output must not take the place of everything else that is known.
_MAX_OUTPUT_CHARS: Final = 16_000
_SHORTENED: Final = " … (shortened)"


@dataclass(slots=True)
class _Message:
    role: MessageRole
    parts: dict[int, str] = field(default_factory=dict)
    received_ms: dict[int, float] = field(default_factory=dict)
    cut: tuple[int, float] | None = None
    """The part that was interrupted, and where; nothing behind it was heard."""

    @property
    def text(self) -> str:
        """What of the words was heard."""
        return "".join(self._heard(index) for index in sorted(self.parts)).strip()

    def as_item(self, item_id: str) -> Item | None:
        text = self.text
        return message(item_id, self.role, text) if text else None

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


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What never changes: a function's call, or what came of it."""

    item: Item

    def as_item(self, _item_id: str) -> Item:
        output = self.item.get("output")
        if not isinstance(output, str) or len(output) <= _MAX_OUTPUT_CHARS:
            return self.item
        return self.item | {"output": output[:_MAX_OUTPUT_CHARS] + _SHORTENED}


class Memory:
    """What is known from the start, then items in the order in which they began.

    Too many: the oldest are forgotten, but never what is known from the start.
    """

    def __init__(self, context: Sequence[ContextItem] = ()) -> None:
        self._context = context_items(context)
        self._items: OrderedDict[str, _Message | _Fixed] = OrderedDict()
        self._calls = FunctionCalls()
        self._added = 0
        self.revision = 0
        """Grows with every change of what `items` returns."""

    def note(self, event: ModelEvent) -> None:
        """Take in what the model says."""
        match event:
            case SpeechStarted(item_id) | TurnCommitted(item_id):
                self._message(item_id, "user")
            case UserTextDelta(item_id, text):
                self._grow(item_id, "user", 0, text)
            case UserTextDone(item_id, text):
                self._set(item_id, "user", 0, text)
            case AgentTextDelta(item_id, part, text):
                self._grow(item_id, "assistant", part, text)
            case AgentTextDone(item_id, part, text):
                self._set(item_id, "assistant", part, text)
            case AudioDelta(_, item_id, part, pcm):
                received = self._message(item_id, "assistant").received_ms
                received[part] = received.get(part, 0.0) + duration_ms(len(pcm), MODEL_RATE_HZ)
            case FunctionCall(item_id=item_id):
                self._calls.note(event)
                self._keep(item_id, _Fixed(function_call(event)))
            case _:
                pass

    def add(self, item: ContextItem) -> Item:
        """Remember something that nobody said aloud; return the item that tells it."""
        self._added += 1
        told = added(self._added, item)
        self._keep(str(told["id"]), _Fixed(told))
        return told

    def answer(self, call_id: ToolCallId, output: str) -> list[Item]:
        """Remember what came of a call; return the items that tell it."""
        items = self._calls.answer(call_id, output)
        for item in items:
            self._keep(str(item["id"]), _Fixed(item))
        return items

    def original(self, answered: ToolAnswered) -> ToolAnswered:
        """Return whose answer was taken in, by the id that the model gave."""
        return self._calls.original(answered)

    def truncate(self, item_id: str, part: int, end_ms: float) -> None:
        """Forget what of an item lies after `end_ms`."""
        if isinstance(item := self._items.get(item_id), _Message):
            item.cut = (part, end_ms)
            self.revision += 1

    def delete(self, item_id: str) -> None:
        """Forget an item."""
        if self._items.pop(item_id, None) is not None:
            self.revision += 1

    def text_of(self, item_id: str) -> str:
        """Return an item's words, as far as they were heard; none for an unknown one."""
        item = self._items.get(item_id)
        return item.text if isinstance(item, _Message) else ""

    def items(self) -> list[Item]:
        """Return what is known in words, oldest first; of too many words the newest.

        A call that is still awaited is always told, and no output without its call.
        """
        told: list[Item] = []
        left = _MAX_CHARS - sum(map(_chars, self._context))
        for item_id, remembered in reversed(self._items.items()):
            item = remembered.as_item(item_id)
            if item is None:
                continue
            left -= _chars(item)
            if left >= 0 or self._is_awaited(item):
                told.append(item)
        calls = {item["call_id"] for item in told if item["type"] == "function_call"}
        recalled = (
            item
            for item in reversed(told)
            if item["type"] != "function_call_output" or item["call_id"] in calls
        )
        return [*self._context, *recalled]

    def item(self, item_id: str) -> tuple[Item, str] | None:
        """Return an item, and the id before it ("root" for the first), if it has words left."""
        before = "root"
        for item in self.items():
            if item.get("id") == item_id:
                return item, before
            before = str(item.get("id", before))
        return None

    def _is_awaited(self, item: Item) -> bool:
        called = item["type"] == "function_call"
        return called and self._calls.is_awaited(ToolCallId(str(item["call_id"])))

    def _grow(self, item_id: str, role: MessageRole, part: int, text: str) -> None:
        parts = self._message(item_id, role).parts
        parts[part] = parts.get(part, "") + text
        self.revision += 1

    def _set(self, item_id: str, role: MessageRole, part: int, text: str) -> None:
        self._message(item_id, role).parts[part] = text
        self.revision += 1

    def _message(self, item_id: str, role: MessageRole) -> _Message:
        item = self._items.get(item_id)
        if not isinstance(item, _Message):
            item = self._items[item_id] = _Message(role)
            self._forget_oldest()
        return item

    def _keep(self, item_id: str, item: _Fixed) -> None:
        self._items[item_id] = item
        self._forget_oldest()
        self.revision += 1

    def _forget_oldest(self) -> None:
        if len(self._items) > _MAX_ITEMS:
            self._items.popitem(last=False)


def _chars(item: Item) -> int:
    """Return how much of the model's context an item takes."""
    match item:
        case {"content": [{"text": str(text)}]}:
            return len(text)
        case {"arguments": str(text)} | {"output": str(text)}:
            return len(text)
    return 0
