"""The parrot: says back what it heard."""

from collections.abc import Sequence
from typing import Final

from bridge.simulator.behaviours.base import Output, Speech, Turn
from bridge.simulator.sound import milliseconds_of, tone

_GREETING_HZ: Final = 660.0
_GREETING_MS: Final = 400


class Parrot:
    """Repeats the caller's audio and text; greets with a short tone."""

    echoes = False

    def transcribe(self, turn: Turn) -> str:
        """Return how long the caller spoke: a parrot does not know words."""
        return f"{milliseconds_of(turn.heard.size)} ms of sound"

    def answer(self, turn: Turn) -> Sequence[Output]:
        """Return the turn as it came in."""
        if turn.heard.size:
            return (Speech(turn.heard, self.transcribe(turn)),)
        words = [turn.text, *(answer.output for answer in turn.tool_outputs)]
        said = "\n".join(filter(None, words)) or "Hello, I repeat what you say."
        return (Speech(tone(_GREETING_HZ, _GREETING_MS), said),)
