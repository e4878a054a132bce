"""What does the demo's model do: it greets, and says back what it heard, so one hears it listen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from bridge.simulator.behaviours import Output, Speech, Turn
from bridge.simulator.sound import load_wav, milliseconds_of, silence

_SOUNDS: Final = Path(__file__).parent / "sounds"
_GREETING: Final = "Hello, this is mediabridge. I repeat what you say."
_BREATH_MS: Final = 150


class YouSaid:
    """A parrot with manners: "You said:", then the caller's own voice."""

    echoes = False

    def __init__(self) -> None:
        self._greeting = load_wav(_SOUNDS / "greeting.wav")
        self._you_said = np.concatenate([load_wav(_SOUNDS / "you-said.wav"), silence(_BREATH_MS)])

    def transcribe(self, turn: Turn) -> str:
        """Return how long the caller spoke: a parrot does not know words."""
        return f"({milliseconds_of(turn.heard.size) / 1000:.1f} s of speech)"

    def answer(self, turn: Turn) -> Sequence[Output]:
        """Return the greeting, or the turn as it came in."""
        if turn.heard.size:
            said = f"You said: {self.transcribe(turn)}"
            return (Speech(np.concatenate([self._you_said, turn.heard]), said),)
        return (Speech(self._greeting, _GREETING),)
