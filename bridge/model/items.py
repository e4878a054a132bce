"""What does an item of the conversation look like when we tell it to a session?"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from bridge.ports.model_config import ContextItem, ItemRole
from bridge.ports.model_event import FunctionCall, ToolAnswered
from bridge.ports.tool import ToolCallId

Item = dict[str, object]
"""An item as the wire wants it in conversation.item.create."""

MessageRole = Literal["system", "user", "assistant"]

# The protocol takes no longer ids of items from clients.
_MAX_ID_CHARS: Final = 32
# A call that is older than this many others will not be answered any more.
_MAX_CALLS: Final = 256
_ROLES: Final[Mapping[ItemRole, MessageRole]] = {
    ItemRole.SYSTEM: "system",
    ItemRole.USER: "user",
    ItemRole.AGENT: "assistant",
}


def message(item_id: str, role: MessageRole, text: str) -> Item:
    """Return what somebody said, under its old id: whoever cuts it later still finds it."""
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return _named(item_id, {"type": "message", "role": role, "content": content})


def context_items(context: Sequence[ContextItem]) -> list[Item]:
    """Return what is known before a call begins."""
    return [
        message(f"context_{number}", _ROLES[item.role], item.text)
        for number, item in enumerate(context, 1)
    ]


def added(number: int, item: ContextItem) -> Item:
    """Return what the model is told in the middle of a call."""
    return message(f"added_{number}", _ROLES[item.role], item.text)


def function_call(call: FunctionCall) -> Item:
    fields: Item = {"type": "function_call", "call_id": call.call_id, "name": call.name}
    return _named(call.item_id, fields | {"arguments": call.arguments})


class FunctionCalls:
    """What the model has called so far, so that each call can be answered, and answered again.

    A session takes one output for each call. Later news about a call are told as another call of
    the same function, with its own output.
    """

    def __init__(self) -> None:
        self._calls: OrderedDict[ToolCallId, FunctionCall] = OrderedDict()
        self._answered: set[ToolCallId] = set()
        self._originals: OrderedDict[ToolCallId, ToolCallId] = OrderedDict()
        self._outputs = 0

    def note(self, call: FunctionCall) -> None:
        self._calls[call.call_id] = call
        if len(self._calls) > _MAX_CALLS:
            forgotten, _ = self._calls.popitem(last=False)
            self._answered.discard(forgotten)

    def is_awaited(self, call_id: ToolCallId) -> bool:
        """Return whether the model has not been told any output of this call."""
        return call_id in self._calls and call_id not in self._answered

    def answer(self, call_id: ToolCallId, output: str) -> list[Item]:
        """Return the items that tell the model of an output."""
        self._outputs += 1
        call = self._calls.get(call_id)
        if call is None or call_id not in self._answered:
            self._answered |= {call_id} & self._calls.keys()
            return [self._output(call_id, output)]
        again_id = f"again_{self._outputs}"
        again = FunctionCall(
            call.response_id, again_id, ToolCallId(again_id), call.name, call.arguments
        )
        self._originals[again.call_id] = call_id
        if len(self._originals) > _MAX_CALLS:
            self._originals.popitem(last=False)
        return [function_call(again), self._output(again.call_id, output)]

    def original(self, answered: ToolAnswered) -> ToolAnswered:
        """Return whose answer was taken in, by the id that the model gave."""
        return ToolAnswered(self._originals.get(answered.call_id, answered.call_id))

    def _output(self, call_id: ToolCallId, output: str) -> Item:
        fields: Item = {"type": "function_call_output", "call_id": call_id, "output": output}
        return _named(f"output_{self._outputs}", fields)


def _named(item_id: str, fields: Item) -> Item:
    named: Item = {"id": item_id} if len(item_id) <= _MAX_ID_CHARS else {}
    return named | fields | {"status": "completed"}
