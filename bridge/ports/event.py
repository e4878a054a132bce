"""What happens in a call, as its watchers are told."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from bridge.ids import ConnectionId, Identity
from bridge.ports.budget import LimitKind
from bridge.ports.call import AgentState, CallState, ParticipantView
from bridge.ports.model_event import ResponseStatus
from bridge.ports.money import Cost
from bridge.ports.recording import Recorded, RecordingFormat
from bridge.ports.report import CallReport, TurnLatency
from bridge.ports.tool import ToolCallId, ToolUse
from bridge.ports.usage import TokenCounts


@dataclass(frozen=True, slots=True)
class StateChanged:
    state: CallState
    previous: CallState | None


class ParticipantChange(Enum):
    """What happened to a participant."""

    JOINED = "joined"
    LEFT = "left"
    LOST = "lost"
    RETURNED = "returned"
    REMOVED = "removed"
    MICROPHONE_ON = "microphone_on"
    MICROPHONE_OFF = "microphone_off"


@dataclass(frozen=True, slots=True)
class ParticipantChanged:
    change: ParticipantChange
    participant: ParticipantView


class LinkState(Enum):
    """A connection's condition."""

    CONNECTING = "connecting"
    READY = "ready"
    INTERRUPTED = "interrupted"
    RESUMED = "resumed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class MediaStateChanged:
    state: LinkState


@dataclass(frozen=True, slots=True)
class Resumption:
    """What it took to go on with another session."""

    gap_s: float
    """For how long there was none; 0 where the next one took over in time."""
    lost_audio_s: float
    """What callers said meanwhile, and nobody will ever hear."""
    replayed_items: int
    """How much of the conversation the next one was told."""


@dataclass(frozen=True, slots=True)
class ModelStateChanged:
    state: LinkState
    session_id: str = ""
    resumption: Resumption | None = None
    """Where it is RESUMED."""


@dataclass(frozen=True, slots=True)
class AgentStateChanged:
    state: AgentState


@dataclass(frozen=True, slots=True)
class UserSpeech:
    speaking: bool
    identity: Identity | None
    item_id: str


class Role(Enum):
    """Who speaks."""

    USER = "user"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Transcript:
    """All of an item's words so far: the agent's as far as they were heard. Never log them."""

    item_id: str
    role: Role
    text: str = field(repr=False)
    final: bool
    confidence: float | None = None
    """How sure the transcriber was of a user's final words, 0 to 1; None where it does not say."""
    speaker: Identity | None = None
    """Who said it; of a user's words None where nobody was loud enough to tell."""
    start_offset_s: float | None = None
    """When it began to be said or to be heard, from the call's creation."""
    end_offset_s: float | None = None
    """When that ended; None while it goes on."""
    interrupted: bool = False
    """The agent was stopped in the middle of it."""


@dataclass(frozen=True, slots=True)
class ResponseBegan:
    response_id: str
    greeting: bool


@dataclass(frozen=True, slots=True)
class ResponseFinished:
    response_id: str
    status: ResponseStatus
    tokens: TokenCounts
    detail: str
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Interruption:
    item_id: str
    heard_ms: int
    received_ms: int
    stop_latency_s: float
    heard_text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model calls a tool; whether it may, and with these arguments, shows in ToolFinished."""

    tool_call_id: ToolCallId
    name: str
    response_id: str
    arguments: str = field(repr=False)
    """As the model wrote them. Spoken words may be in them: never log them."""


@dataclass(frozen=True, slots=True)
class ToolFinished:
    use: ToolUse


@dataclass(frozen=True, slots=True)
class SilenceStepReached:
    """Nobody has said anything for as long as the agent's step of this number waits."""

    step: int
    ends_call: bool


@dataclass(frozen=True, slots=True)
class LimitNear:
    """The call will end soon because a limit is used up; told once of each."""

    limit: LimitKind
    used: float
    """How much of it: 1 is all."""
    remaining_s: float | None = None
    """Where it is time that is limited."""


@dataclass(frozen=True, slots=True)
class ControlApplied:
    """A command of the gateway's has taken effect, or will in its turn."""

    command_id: str
    command: str


@dataclass(frozen=True, slots=True)
class ControlRefused:
    command_id: str
    command: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ChatWritten:
    """Somebody in the room has written to the agent."""

    identity: Identity
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LanguageSwitched:
    language: str
    previous: str


@dataclass(frozen=True, slots=True)
class DtmfSent:
    digits: str = field(repr=False)
    """They may be somebody's number: never log them."""


@dataclass(frozen=True, slots=True)
class InterruptionDismissed:
    """A caller was heard while the agent spoke, and did not stop it."""

    item_id: str
    """What the caller said, if anything."""
    paused_s: float
    """For how long the agent was silent, before it went on."""


@dataclass(frozen=True, slots=True)
class TurnAwaitsResponse:
    """A caller's turn has ended, and the agent answers when it is told to."""

    item_id: str


@dataclass(frozen=True, slots=True)
class TurnMeasured:
    """The first sound of an answer is heard."""

    turn: int
    """Its index in the report."""
    latency: TurnLatency


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """The call is recorded from now on."""

    uri: str
    format: RecordingFormat


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """A recording is complete, as far as it goes."""

    recorded: Recorded


@dataclass(frozen=True, slots=True)
class Warned:
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Always the last event."""

    report: CallReport


EventKind = (
    StateChanged
    | ParticipantChanged
    | MediaStateChanged
    | ModelStateChanged
    | AgentStateChanged
    | UserSpeech
    | Transcript
    | ResponseBegan
    | ResponseFinished
    | Interruption
    | InterruptionDismissed
    | TurnAwaitsResponse
    | TurnMeasured
    | ToolCalled
    | ToolFinished
    | ControlApplied
    | ControlRefused
    | ChatWritten
    | SilenceStepReached
    | LimitNear
    | LanguageSwitched
    | DtmfSent
    | RecordingStarted
    | RecordingFinished
    | Warned
    | Ended
)


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One event; `sequence` counts 1, 2, 3, ... within the call."""

    connection_id: ConnectionId
    sequence: int
    at: datetime
    call_offset_s: float
    kind: EventKind
