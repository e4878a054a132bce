"""The conversation: its items in order, and every reason to refuse a change to them."""

from dataclasses import dataclass
from typing import Final, NoReturn

from bridge.simulator.wire import JsonObject, Refusal, new_id

_FIRST: Final = "root"


@dataclass(slots=True)
class Item:
    """One item: what the client sees of it, and how much audio it stands for.

    Audio itself is not kept, only its length: an hour of conversation must stay small.
    """

    body: JsonObject
    audio_ms: float = 0

    @property
    def id(self) -> str:
        """The item's id."""
        return str(self.body["id"])

    @property
    def is_answer(self) -> bool:
        """Whether the model said it."""
        return self.body.get("role") == "assistant"

    @property
    def text(self) -> str:
        """All its words: text, transcripts, arguments, output."""
        parts = [part.get("text") or part.get("transcript") or "" for part in self._content]
        parts += [self.body.get("arguments") or "", self.body.get("output") or ""]
        return " ".join(filter(None, parts))

    @property
    def _content(self) -> list[JsonObject]:
        return list(self.body.get("content") or [])


class Conversation:
    """The items of one session's default conversation."""

    def __init__(self) -> None:
        self.id = new_id("conv")
        self._items: list[Item] = []

    @property
    def items(self) -> tuple[Item, ...]:
        """All items, oldest first."""
        return tuple(self._items)

    @property
    def last_id(self) -> str | None:
        """The newest item's id."""
        return self._items[-1].id if self._items else None

    def append(self, item: Item) -> str | None:
        """Add the server's own item at the end and return the id before it."""
        previous = self.last_id
        self._items.append(item)
        return previous

    def create(self, body: JsonObject, previous_item_id: str | None) -> tuple[Item, str | None]:
        """Add a client's item after `previous_item_id`; return it and the id before it.

        Raises Refusal for a duplicate id, an unknown previous item, or output of an unknown call.
        """
        item = Item({**body, "id": body.get("id") or new_id("item"), "object": "realtime.item"})
        item.body["status"] = "completed"
        if item.body["type"] == "function_call":
            item.body["call_id"] = item.body.get("call_id") or new_id("call")
        if self.find(item.id):
            raise Refusal(
                f"Error adding item: an item with id '{item.id}' already exists.",
                code="item_create_duplicate_item_id",
                param="item.id",
            )
        if item.body["type"] == "function_call_output":
            self.tool_named_by(item.body["call_id"])
        at = self._place_after(previous_item_id)
        self._items.insert(at, item)
        return item, self._items[at - 1].id if at else None

    def retrieve(self, item_id: str) -> Item:
        """Return an item. Raises Refusal when it is unknown."""
        return self.find(item_id) or _unknown("retriev", item_id)

    def delete(self, item_id: str) -> None:
        """Remove an item. Raises Refusal when it is unknown."""
        self._items.remove(self.find(item_id) or _unknown("delet", item_id))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an answer's audio and forget its transcript, which no longer matches.

        Raises Refusal for anything but the model's own audio, and for a cut past its end.
        """
        item = self.find(item_id) or _unknown("truncat", item_id)
        content = item.body.get("content") or []
        if (
            not item.is_answer
            or not content
            or content[0]["type"] != "output_audio"
            or not item.audio_ms
        ):
            raise Refusal(
                "Only model output audio messages can be truncated",
                code="unsupported_content_type",
                param="item_id",
            )
        if content_index >= len(content):
            raise Refusal(
                f"Invalid 'content_index': item has {len(content)} content part(s).",
                code="invalid_value",
                param="content_index",
            )
        if audio_end_ms > item.audio_ms:
            raise Refusal(
                f"Audio content of {int(item.audio_ms)}ms is already shorter than {audio_end_ms}ms",
                code="invalid_value",
                param="audio_end_ms",
            )
        item.audio_ms = audio_end_ms
        content[content_index].pop("transcript", None)

    def tool_named_by(self, call_id: str) -> str:
        """Return the name of the tool that a call id called. Raises Refusal when it is unknown."""
        for item in self._items:
            if item.body["type"] == "function_call" and item.body["call_id"] == call_id:
                return str(item.body["name"])
        raise Refusal(
            f"Tool call ID '{call_id}' not found in conversation.",
            code="invalid_tool_call_id",
            param="item.call_id",
        )

    def find(self, item_id: str) -> Item | None:
        """Return the item with this id, if there is one."""
        return next((item for item in self._items if item.id == item_id), None)

    def id_before(self, item_id: str) -> str | None:
        """Return the id of the item before this one; None for the first, or for a deleted one."""
        previous: str | None = None
        for item in self._items:
            if item.id == item_id:
                return previous
            previous = item.id
        return None

    def _place_after(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self._items)
        if previous_item_id == _FIRST:
            return 0
        for place, item in enumerate(self._items):
            if item.id == previous_item_id:
                return place + 1
        raise Refusal(
            f"Error adding item: the previous item with id '{previous_item_id}' does not exist.",
            code="item_create_invalid_previous_item_id",
            param="previous_item_id",
        )


def _unknown(verb: str, item_id: str) -> NoReturn:
    raise Refusal(
        f"Error {verb}ing item: the item with id '{item_id}' does not exist.",
        code=f"item_{verb}e_invalid_item_id",
        param="item_id",
    )
