"""What a behaviour is: it hears a turn and says what the model does about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from bridge.simulator.sound import Samples, silence


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool answered."""

    tool: str
    output: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What happened since the last response."""

    number: int
    """1 for the session's first response."""
    heard: Samples = field(default_factory=lambda: silence(0))
    """The caller's audio at MODEL_RATE_HZ; empty when there was none."""
    text: str = ""
    """The caller's text items, joined by line breaks."""
    tool_outputs: tuple[ToolOutput, ...] = ()
    instructions: str = ""
    timed_out: bool = False
    """The caller said nothing for so long that the model is asked to speak up."""

    @property
    def is_greeting(self) -> bool:
        """Whether the model is asked to speak with nothing to answer."""
        return not (self.heard.size or self.text or self.tool_outputs or self.timed_out)


@dataclass(frozen=True, slots=True)
class Speech:
    """An answer in sound and words; a text-only response is the words."""

    audio: Samples
    transcript: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of the client's functions; `arguments` is JSON."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The end of the session, once this response is done."""


Output: TypeAlias = Speech | ToolCall | HangUp


class Behaviour(Protocol):
    """What stands in for the model; stateless, one serves every session."""

    echoes: bool
    """True sends each appended chunk straight back, in one endless response without turns."""

    def transcribe(self, turn: Turn) -> str:
        """Return what the caller is taken to have said."""

    def answer(self, turn: Turn) -> Sequence[Output]:
        """Return what the model does; nothing makes an empty, completed response."""
