"""Does the model hear the callers, and what is known of what they say before it has?"""

from enum import Enum
from typing import Protocol

from bridge.ids import Identity
from bridge.ports.clock import Clock


class Deaf(Enum):
    """Why the model hears silence instead of the callers."""

    GREETING = "greeting"
    """The greeting is to be said undisturbed."""
    ECHO = "echo"
    """What comes in may be the agent's own voice, from a loudspeaker."""
    MUTED = "muted"
    """The gateway has muted the callers."""


class Ears(Protocol):
    """The callers' way to the model, as a conversation sees it."""

    def loudest(self) -> Identity | None:
        """Return who was loudest since this was last asked."""
        ...

    def spoken_s(self, since_s: float) -> float:
        """Return for how long somebody has spoken since a moment of the monotonic clock."""
        ...

    @property
    def gate(self) -> "Gate":
        """What keeps the callers from being heard."""
        ...


class Gate:
    """Closed for any number of reasons; while there is one, the model hears silence."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_s: dict[Deaf, float] = {}

    @property
    def is_open(self) -> bool:
        if not self._until_s:
            return True
        now_s = self._clock.monotonic_s()
        return all(until_s <= now_s for until_s in self._until_s.values())

    def close(self, why: Deaf, until_s: float = float("inf")) -> None:
        """Close it, until `open` or a moment of the monotonic clock."""
        self._until_s[why] = until_s

    def open(self, why: Deaf) -> None:
        """Open it, as far as this reason is concerned."""
        self._until_s.pop(why, None)
