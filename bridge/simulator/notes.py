"""What happened since the last response: the material of the next turn."""

import numpy as np

from bridge.simulator.behaviours import ToolOutput, Turn
from bridge.simulator.sound import Samples, silence
from bridge.simulator.wire import JsonObject


class TurnNotes:
    """Collects a turn until a response takes it; of too much audio the oldest is dropped."""

    def __init__(self, limit_samples: int) -> None:
        self._limit = limit_samples
        self.number = 1
        self._heard: Samples = silence(0)
        self._texts: list[str] = []
        self._tool_outputs: list[ToolOutput] = []
        self._timed_out = False

    def hear(self, samples: Samples) -> None:
        """Note audio that the caller has committed."""
        self._heard = np.concatenate((self._heard, samples))[-self._limit :]

    def read(self, text: str) -> None:
        """Note text that the caller has written."""
        self._texts.append(text)

    def learn(self, answer: ToolOutput) -> None:
        """Note what a tool has answered."""
        self._tool_outputs.append(answer)

    def answered(self) -> None:
        """Note that all so far has been answered: a client tells a conversation of before."""
        self._forget()

    def time_out(self) -> None:
        """Note that the caller has been silent for long."""
        self._timed_out = True

    def look(self, instructions: str) -> Turn:
        """Return the turn so far, and leave it here."""
        return Turn(
            number=self.number,
            heard=self._heard,
            text="\n".join(self._texts),
            tool_outputs=tuple(self._tool_outputs),
            instructions=instructions,
            timed_out=self._timed_out,
        )

    def take(self, instructions: str) -> Turn:
        """Return the turn so far and begin the next."""
        turn = self.look(instructions)
        self.number += 1
        self._forget()
        return turn

    def _forget(self) -> None:
        self._heard = silence(0)
        self._texts = []
        self._tool_outputs = []
        self._timed_out = False


def words_of(item: JsonObject) -> str:
    """Return what a user's message says in text."""
    if item.get("role") != "user":
        return ""
    return " ".join(part["text"] for part in item["content"] if part.get("text"))
