"""What a gateway can ask of a running call, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

from bridge.ports.agent import TurnsChange
from bridge.ports.model_config import ContextItem

CommandId = NewType("CommandId", str)
"""Chosen by the gateway or made by the server; the same id again returns the first outcome."""


class SayBehaviour(Enum):
    """What to do where somebody is speaking already."""

    REFUSE = "refuse"
    QUEUE = "queue"
    """Wait until the agent and the caller have finished."""
    INTERRUPT = "interrupt"


@dataclass(frozen=True, slots=True)
class Say:
    """The agent says this text."""

    text: str = field(repr=False)
    behaviour: SayBehaviour = SayBehaviour.QUEUE
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The agent stops speaking, and whatever it was about to say is dropped."""


@dataclass(frozen=True, slots=True)
class Respond:
    """The agent answers now: the gateway's decision where turns are its own."""

    instructions: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AddContext:
    """The model is told something, without anybody hearing it."""

    item: ContextItem
    respond: bool = False
    """Ask for an answer to it, once nobody speaks."""


class Side(Enum):
    CALLERS = "callers"
    """The model hears silence."""
    AGENT = "agent"
    """The callers hear silence; what the agent says meanwhile is lost to them."""
    RECORDING = "recording"
    """The recording has silence in place of both."""


@dataclass(frozen=True, slots=True)
class Mute:
    side: Side
    muted: bool


@dataclass(frozen=True, slots=True)
class UpdateAgent:
    """The session goes on with other settings; None keeps what is."""

    instructions: str | None = field(default=None, repr=False)
    voice: str | None = None
    """Refused once the agent has spoken: providers fix the voice then."""
    turn_detection: TurnsChange | None = None
    tools: tuple[str, ...] | None = None
    """Which of the call's tools the model may call from now on."""


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Entries are merged into the call's metadata; an empty value removes one."""

    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EndSoftly:
    """The agent finishes what it is saying, says `text` where given, and the call ends."""

    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """What callers have said since the last turn is one: where turns are the gateway's to end."""


@dataclass(frozen=True, slots=True)
class PressKeys:
    """Keys of a telephone are pressed in the room, behind those that were asked for before."""

    digits: str = field(repr=False)


Command = (
    Say
    | Interrupt
    | Respond
    | AddContext
    | Mute
    | UpdateAgent
    | SetMetadata
    | EndSoftly
    | CommitTurn
    | PressKeys
)


@dataclass(frozen=True, slots=True)
class Applied:
    """The command has taken effect, or will in its turn."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The command changes nothing."""

    reason: str
    """Stable, for programs: `agent_speaking`, `voice_is_fixed`, `unknown_tool`, `call_ending`, …"""
    message: str = ""


ControlOutcome = Applied | Refused
