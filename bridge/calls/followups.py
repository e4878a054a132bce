"""Which outputs of tools has the model not spoken of yet, and when does it need to be asked?"""

from typing import Final

from bridge.calls.utterances import TURN_TAG, Utterances
from bridge.ports.model import ModelEvent, ResponseStarted, ToolAnswered
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
        self._wishes = 0
        self._granted = 0  # of the wishes, all up to this one

    def on(self, event: ModelEvent) -> None:
        """Take in what the model says."""
        match event:
            case ToolAnswered(call_id):
                self._untaken.discard(call_id)
            case ResponseStarted(request_tag=tag) if tag in _TURNS and not self._untaken:
                self._granted = self._wishes
            case _:
                pass

    def told(self, call_id: ToolCallId) -> None:
        """Note that an output is on its way to the model."""
        self._untaken.add(call_id)

    async def respond(self) -> None:
        """Have the model speak of what it was told before this; return once it begins to."""
        self._wishes += 1
        wish = spoken_of = self._wishes

        def is_wanted() -> bool:
            nonlocal spoken_of
            spoken_of = self._wishes
            return self._granted < wish

        if await self._utterances.follow_up(tag=_TAG, is_wanted=is_wanted):
            self._granted = max(self._granted, spoken_of)
