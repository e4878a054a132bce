"""Which outputs of tools has the model not spoken of yet, and when does it need to be asked?"""

from typing import Final

from bridge.calls.speech.utterances import TURN_TAG, Utterances
from bridge.ports.model_event import ModelEvent, ResponseStarted, ToolAnswered
from bridge.ports.tool import ToolCallId

_TAG: Final = "tool"
# What the model begins by itself when a turn ends, or is asked for then.
_TURNS: Final = frozenset({None, TURN_TAG})


class Followups:
    """Has the model speak of what it was told.

    A response that it begins by itself, once it has taken in the outputs, speaks of them too:
    whoever waits to ask for one then need not.
    """

    def __init__(self, utterances: Utterances) -> None:
        self._utterances = utterances
        self._untaken: set[ToolCallId] = set()
        self._told = 0
        self._spoken_of = 0  # of what was told, all up to this

    def on(self, event: ModelEvent) -> None:
        """Take in what the model says."""
        match event:
            case ToolAnswered(call_id):
                self._untaken.discard(call_id)
            case ResponseStarted(request_tag=tag) if tag in _TURNS and not self._untaken:
                self._spoken_of = self._told
            case _:
                pass

    def told(self, call_id: ToolCallId) -> int:
        """Note that an output is on its way to the model; return its number."""
        self._untaken.add(call_id)
        self._told += 1
        return self._told

    async def respond(self, output: int) -> None:
        """Have the model speak of an output and of those before it; return once it begins to."""
        asked_for = 0

        def is_wanted() -> bool:
            nonlocal asked_for
            asked_for = self._told
            return self._spoken_of < output

        if await self._utterances.follow_up(tag=_TAG, is_wanted=is_wanted):
            self._spoken_of = max(self._spoken_of, asked_for)
