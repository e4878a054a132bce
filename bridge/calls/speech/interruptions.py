"""Does what the callers say stop the agent? Rules, and what is known so far; nothing is done here.

Without rules any speech stops it. With `min_speech_s` the agent goes on until speech has lasted so
long. With `resume_after_s` it only pauses, and is stopped when words are known to have been said.
"""

from collections import OrderedDict
from enum import Enum
from typing import Final

from bridge.ports.agent import InterruptionRules
from bridge.ports.clock import Clock

# How often running speech is measured: a frame.
_MEASURE_EVERY_S: Final = 0.02
_MAX_DISMISSED: Final = 16
"""Items whose words may still come, late."""


class Step(Enum):
    """What is to be done with the agent's voice."""

    GO_ON = "go_on"
    PAUSE = "pause"
    STOP = "stop"
    RESUME = "resume"


class Fate(Enum):
    """What is to be done with a turn that has ended."""

    ANSWER = "answer"
    DOUBT = "doubt"
    """Whether it is answered is decided by its words."""
    DISMISS = "dismiss"
    """It was said while the agent went on: it is not answered."""


class _Phase(Enum):
    CLEAR = "clear"
    UNPROVEN = "unproven"
    """Somebody speaks, and the agent goes on."""
    PAUSED = "paused"
    """Somebody speaks, and the agent has paused."""
    DOUBTED = "doubted"
    """Nobody speaks any more, the agent has paused, and no words have come yet."""


class Interruptions:
    """Follows one speech of the callers after the other. Says what to do; somebody does it."""

    def __init__(self, rules: InterruptionRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._phase = _Phase.CLEAR
        self._items: set[str] = set()  # what was said since the agent paused
        self._due_s: float | None = None
        self._dismissed: OrderedDict[str, bool] = OrderedDict()  # whether words would matter

    @property
    def due_s(self) -> float | None:
        """Return when to `look` again, on the monotonic clock; None where nothing is due."""
        if self._phase is _Phase.UNPROVEN:
            return self._clock.monotonic_s() + _MEASURE_EVERY_S
        return self._due_s

    @property
    def is_paused(self) -> bool:
        """Return whether the agent is to be silent for now."""
        return self._phase in (_Phase.PAUSED, _Phase.DOUBTED)

    def began(self, item_id: str, *, agent_speaks: bool) -> Step:
        """Note that a caller speaks."""
        if self.is_paused:
            self._phase, self._due_s = _Phase.PAUSED, None
            self._items.add(item_id)
            return Step.GO_ON
        if not agent_speaks:
            self._phase = _Phase.CLEAR
            return Step.STOP
        self._items = {item_id}
        if self._rules.min_speech_s:
            self._phase = _Phase.UNPROVEN
            return Step.GO_ON
        return self._proven()

    def look(self, spoken_s: float, *, agent_speaks: bool) -> Step:
        """Note the time, for how long the caller has spoken, and whether the agent still does."""
        if self._phase is _Phase.UNPROVEN:
            if not agent_speaks:
                self._phase = _Phase.CLEAR  # the agent has finished: this is a turn like others
            elif spoken_s >= self._rules.min_speech_s:
                return self._proven()
        elif self._due_s is not None and self._clock.monotonic_s() >= self._due_s:
            self._dismiss(words_matter=True)
            return Step.RESUME
        return Step.GO_ON

    def ended(self, item_id: str) -> Fate:
        """Note that the caller has finished; `look` first."""
        match self._phase:
            case _Phase.UNPROVEN:
                self._dismiss(words_matter=False)
                return Fate.DISMISS
            case _Phase.PAUSED:
                self._phase = _Phase.DOUBTED
                self._due_s = self._clock.monotonic_s() + self._rules.resume_after_s
                self._items.add(item_id)
                return Fate.DOUBT
        return Fate.ANSWER

    def words(self, item_id: str, text: str, *, final: bool) -> Step:
        """Note what a caller has said, or that it was nothing."""
        if text.strip():
            in_pause = self.is_paused and item_id in self._items
            if self._dismissed.pop(item_id, False) or in_pause:
                self.forget()
                return Step.STOP
        elif final:
            self._items.discard(item_id)
            if self._phase is _Phase.DOUBTED and not self._items:
                self.forget()
                return Step.RESUME
        return Step.GO_ON

    def is_in_doubt(self, item_id: str) -> bool:
        """Return whether something was said that is not answered, or not yet."""
        return item_id in self._items or item_id in self._dismissed

    def forget(self) -> None:
        """Note that the agent was stopped, for whatever reason."""
        self._phase, self._due_s = _Phase.CLEAR, None
        self._items = set()

    def _proven(self) -> Step:
        if self._rules.resume_after_s:
            self._phase = _Phase.PAUSED
            return Step.PAUSE
        self.forget()
        return Step.STOP

    def _dismiss(self, *, words_matter: bool) -> None:
        for item_id in self._items:
            self._dismissed[item_id] = words_matter
            if len(self._dismissed) > _MAX_DISMISSED:
                self._dismissed.popitem(last=False)
        self.forget()
