"""How one simulator is set up."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bridge.simulator.behaviours import (
    BEHAVIOUR_NAMES,
    Behaviour,
    Loopback,
    Parrot,
    Script,
    Tones,
)
from bridge.simulator.faults import Faults
from bridge.simulator.sound import Samples


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """Everything that can be chosen about a simulator.

    Raises ValueError for a value that makes no sense.
    """

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free port."""
    behaviour: str | Behaviour = "parrot"
    """A name from BEHAVIOUR_NAMES, or any object of the Behaviour protocol."""
    script: Path | None = None
    """The file of the behaviour "script"."""
    tone_ms: float = 1000
    """How long the answers of the behaviour "tones" are."""
    accepted_keys: frozenset[str] | None = None
    """API keys to accept; None accepts any key, or none."""
    speed: float = 4.0
    """How much faster than real time answers are sent; math.inf for at once."""
    first_delta_ms: float = 100
    """How long the model thinks before it speaks."""
    # The real service sends between 100 and 250 ms of audio in a delta.
    delta_ms: float = 100
    """How much audio one delta carries."""
    transcription_ms: float = 0
    """How long transcription takes; 0 finishes before the response begins."""
    transcription_logprob: float | None = -0.01
    """How sure it is of each word, where it is asked; None for a transcriber that does not say."""
    max_turn_s: float = 300
    """How much input audio a session keeps; the oldest is dropped."""
    max_session_s: float = 3600
    """How long a session may last; then it is closed with 1001, as the real service does."""
    announces_created_items: bool = False
    """Also send conversation.item.created, a relic of the beta, for items the client creates."""
    faults: Faults = field(default_factory=Faults)
    on_append: Callable[[str, Samples], None] | None = None
    """For measurements: called first with a session's id and each chunk appended to it."""

    def __post_init__(self) -> None:
        for name in ("speed", "delta_ms", "tone_ms", "max_turn_s", "max_session_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("first_delta_ms", "transcription_ms"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be 0 or more, not {value}")
        logprob = self.transcription_logprob
        if logprob is not None and not -math.inf < logprob <= 0:
            raise ValueError(f"transcription_logprob must be 0 or less, not {logprob}")
        if isinstance(self.behaviour, str) and self.behaviour not in BEHAVIOUR_NAMES:
            known = ", ".join(BEHAVIOUR_NAMES)
            raise ValueError(f"behaviour must be one of {known}, not {self.behaviour!r}")
        if (self.behaviour == "script") != (self.script is not None):
            raise ValueError('script is the file of the behaviour "script", and of no other')

    def make_behaviour(self) -> Behaviour:
        """Return the behaviour that is set. Raises ScriptError for a bad script file."""
        match self.behaviour:
            case "parrot":
                return Parrot()
            case "tones":
                return Tones(duration_ms=self.tone_ms)
            case "loopback":
                return Loopback()
            case str():
                if self.script is None:
                    raise ValueError("the behaviour script needs a file")
                return Script(self.script)
            case behaviour:
                return behaviour
