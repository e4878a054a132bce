"""What does a model's session say has happened?"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from bridge.errors import ModelFailure
from bridge.ports.tool import ToolCallId
from bridge.ports.usage import TokenCounts, TranscriptionUsage


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user began to speak, `audio_start_ms` into the audio that was sent on this connection.

    That is where the item begins, with the padding that detection puts before speech.
    """

    item_id: str
    audio_start_ms: int
    at_s: float | None = None
    """When that moment was sent, on the machine's monotonic clock; None where it is not known."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The user stopped, `audio_end_ms` into the same audio: behind the silence that proved it."""

    item_id: str
    audio_end_ms: int
    at_s: float | None = None
    """As in `SpeechStarted`."""


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """What the user said has become an item: by detection, by `commit_turn`, or as mere silence."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    response_id: str
    request_tag: str | None
    """The tag given to `respond`, or None where turn detection started it."""


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """A piece of the agent's voice: 24 kHz mono int16, of any even length."""

    response_id: str
    item_id: str
    content_index: int
    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AudioDone:
    """No more audio follows for this part of this item."""

    response_id: str
    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class AgentTextDelta:
    """More of what the agent says, ahead of the sound by as much as the model is faster."""

    item_id: str
    content_index: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentTextDone:
    item_id: str
    content_index: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserTextDelta:
    item_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserTextDone:
    item_id: str
    text: str = field(repr=False)
    confidence: float | None = None
    """How sure the transcriber was, 0 to 1; None where it does not say."""
    usage: TranscriptionUsage = field(default_factory=TranscriptionUsage)


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The model calls a function. The response that does so may go on, speak, and call more.

    It waits for `answer_tool`, and then to be asked for a response.
    """

    response_id: str
    item_id: str
    call_id: ToolCallId
    name: str
    arguments: str = field(repr=False)
    """As the model wrote them: meant to be a JSON object, checked by nobody."""


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """The model has taken in what `answer_tool` told: responses that begin later know it."""

    call_id: ToolCallId


class ResponseStatus(Enum):
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


SESSION_INTERRUPTED: Final = "session_interrupted"
"""The detail of a response that a lost connection ended. One that was asked for comes again, or
its rest does, under the same tag."""


@dataclass(frozen=True, slots=True)
class ResponseDone:
    response_id: str
    status: ResponseStatus
    tokens: TokenCounts
    detail: str = ""
    """A code, never spoken words."""


@dataclass(frozen=True, slots=True)
class ModelWarning:
    """The model refused one thing we sent; the session goes on."""

    code: str
    message: str
    """In our words, never the provider's: those may quote what was said."""
    request_tag: str | None = None
    """The tag given to `respond`, where that is what was refused: its response will not come."""


@dataclass(frozen=True, slots=True)
class SessionInterrupted:
    """The connection is lost and being made anew.

    What was under way has been ended before this: speech, texts, sound, and each response, as
    FAILED. What the user says until the end of the gap is lost.
    """

    session_id: str
    """The one that is lost."""
    failure: ModelFailure


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """A new session has been told the conversation and goes on with it."""

    session_id: str
    gap_ms: float
    """From the moment that the loss was noticed."""
    lost_audio_ms: float
    """What the user's side sent meanwhile, and nobody will ever hear."""
    replayed_items: int


@dataclass(frozen=True, slots=True)
class SessionRotated:
    """A new session has taken over before the old one's time was up; nothing was lost."""

    session_id: str
    replayed_items: int


ModelEvent = (
    SpeechStarted
    | SpeechStopped
    | TurnCommitted
    | ResponseStarted
    | AudioDelta
    | AudioDone
    | AgentTextDelta
    | AgentTextDone
    | UserTextDelta
    | UserTextDone
    | FunctionCall
    | ToolAnswered
    | ResponseDone
    | ModelWarning
    | SessionInterrupted
    | SessionResumed
    | SessionRotated
)
