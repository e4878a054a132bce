"""Which calls came in one response, and what is said once all of them are answered?"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from bridge.ports.tool import ToolReaction


class Wish(Enum):
    """What a call that is answered wants said of it."""

    NOTHING = "nothing"
    ANSWER = "answer"
    ANSWER_UNLESS_SAID = "answer_unless_said"
    """What the agent said when it called may do."""
    ANSWER_IF_SILENT = "answer_if_silent"


WISH_OF: Final[Mapping[ToolReaction, Wish]] = {
    ToolReaction.SPEAK: Wish.ANSWER,
    ToolReaction.SPEAK_IF_SILENT: Wish.ANSWER_IF_SILENT,
    ToolReaction.LISTEN: Wish.NOTHING,
}


@dataclass(slots=True, eq=False)
class ToolBatch:
    """The calls of one response: when all are answered, at most one response follows."""

    blocks: bool = False
    """The model waits for one of them, and everybody for the model."""
    unanswered: int = 0
    newest_output: int = 0
    """Of those that the model was told of its calls, by the number that it has with them."""
    wishes: set[Wish] = field(default_factory=set)
    said_something: bool = False
    """The response did, besides calling."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """The response is: it calls nothing more."""
    is_closed: bool = False

    def answered(self, wish: Wish) -> None:
        self.unanswered -= 1
        self.wishes.add(wish)

    def close(self) -> bool:
        """Return whether all has been answered, the first time only."""
        if self.unanswered or self.is_closed:
            return False
        self.is_closed = True
        return True

    def wants_answer(self, *, silent: bool) -> bool:
        """Return whether the agent is to speak of it, given whether nobody speaks now."""
        return (
            Wish.ANSWER in self.wishes
            or (Wish.ANSWER_UNLESS_SAID in self.wishes and not self.said_something)
            or (Wish.ANSWER_IF_SILENT in self.wishes and silent)
        )
