"""Whose turn is it, by ear: for a caller who does not see the call's events."""

from typing import Final

import numpy as np

from bridge.cli.conversation import Turns
from bridge.cli.hearing import FLOOR_DBFS, hearing_of
from bridge.pcm import ROOM_RATE_HZ, duration_ms

# Longer than the pauses between the words of a sentence.
_PAUSE_MS: Final = 700.0


class _Voice:
    """One side of the line: does it speak?"""

    def __init__(self) -> None:
        self.speaks = False
        self._quiet_ms = 0.0

    def take(self, frame: memoryview) -> None:
        """Take in 48 kHz sound; a voice stops once it has been quiet for a pause."""
        if hearing_of(np.frombuffer(frame, np.int16)).loudest_dbfs > FLOOR_DBFS:
            self.speaks, self._quiet_ms = True, 0.0
            return
        self._quiet_ms += duration_ms(frame.nbytes, ROOM_RATE_HZ)
        if self._quiet_ms >= _PAUSE_MS:
            self.speaks = False


class Listening(Turns):
    """Follows the sound of both sides."""

    def __init__(self) -> None:
        super().__init__()
        self._caller = _Voice()
        self._agent = _Voice()
        self._spoken_since = False

    def hear_caller(self, _at_s: float, frame: memoryview) -> None:
        """Take in what leaves the microphone."""
        self._caller.take(frame)
        if self._caller.speaks:
            self._spoken_since = False
        self._judge()

    def hear_agent(self, _at_s: float, frame: memoryview) -> None:
        """Take in what comes from the room."""
        self._agent.take(frame)
        self._spoken_since |= self._agent.speaks
        self._judge()

    def hang_up(self) -> None:
        """Nothing more will be heard."""
        self.has_ended = True
        self._tell()

    def _judge(self) -> None:
        before = (self.agent_speaks, self.is_answered)
        self.agent_speaks = self._agent.speaks
        self.is_answered = self._spoken_since and not self._agent.speaks and not self._caller.speaks
        if (self.agent_speaks, self.is_answered) != before:
            self._tell()
