"""What a call asks of a realtime model: a session that hears, speaks and says what happened."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, Protocol

from bridge.errors import ModelFailure
from bridge.ports.tool import ToolCallId, ToolSpec


@dataclass(frozen=True, slots=True)
class ServerVad:
    """The model hears when somebody speaks, by energy."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    idle_timeout_ms: int | None = None
    """After so long without speech behind its last answer, the model speaks up by itself."""


@dataclass(frozen=True, slots=True)
class SemanticVad:
    """The model judges by what was said whether the speaker has finished."""

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"


@dataclass(frozen=True, slots=True)
class ManualTurns:
    """The model judges nothing: a turn is what has been said until `commit_turn`."""


TurnDetection = ServerVad | SemanticVad | ManualTurns


class ItemRole(Enum):
    """Whose words a piece of conversation is."""

    SYSTEM = "system"
    USER = "user"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class ContextItem:
    """Something that the model knows before the call begins."""

    role: ItemRole
    text: str = field(repr=False)


# Half of what a new connection is told of a conversation: the rest is for the call itself.
MAX_CONTEXT_CHARS: Final = 24_000


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What a session is told at its start."""

    model: str
    instructions: str = field(repr=False)
    voice: str
    speed: float = 1.0
    turn_detection: TurnDetection = field(default_factory=ServerVad)
    create_response: bool = True
    """Whether the model answers by itself when it finds that a turn has ended."""
    interruptible: bool = True
    """Whether speech of the user stops the response that is being spoken."""
    language: str = "en"
    """BCP-47; told to the transcriber as its primary subtag."""
    transcription_model: str | None = None
    """None: what the user says is not transcribed."""
    transcription_confidence: bool = True
    """Ask how sure the transcriber is."""
    noise_reduction: Literal["near_field", "far_field"] | None = None
    max_output_tokens: int | None = None
    safety_identifier: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    """Functions that the model may call."""
    context: tuple[ContextItem, ...] = field(default=(), repr=False)
    """Told to every connection before anything else; at most MAX_CONTEXT_CHARS."""


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """What is different from now on; None keeps what is."""

    instructions: str | None = field(default=None, repr=False)
    language: str | None = None
    voice: str | None = None
    turn_detection: "TurnDetection | None" = None
    tools: tuple[ToolSpec, ...] | None = None
    create_response: bool | None = None
    interruptible: bool | None = None

    def applied_to(self, config: ModelConfig) -> ModelConfig:
        given: dict[str, Any] = {
            one.name: value
            for one in fields(self)
            if (value := getattr(self, one.name)) is not None
        }
        return replace(config, **given)


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens by modality. `cached` are part of the input counts, billed less."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    cached_image: int = 0
    output_text: int = 0
    output_audio: int = 0

    @property
    def total(self) -> int:
        """Return all that was read and written; what was cached is part of what was read."""
        read = self.input_text + self.input_audio + self.input_image
        return read + self.output_text + self.output_audio

    def __add__(self, other: "TokenCounts") -> "TokenCounts":
        return TokenCounts(
            self.input_text + other.input_text,
            self.input_audio + other.input_audio,
            self.input_image + other.input_image,
            self.cached_text + other.cached_text,
            self.cached_audio + other.cached_audio,
            self.cached_image + other.cached_image,
            self.output_text + other.output_text,
            self.output_audio + other.output_audio,
        )


@dataclass(frozen=True, slots=True)
class TranscriptionUsage:
    """What writing down the user's words took: tokens or time, as its model is billed."""

    input_text: int = 0
    input_audio: int = 0
    output_text: int = 0
    audio_ms: int = 0

    def __add__(self, other: "TranscriptionUsage") -> "TranscriptionUsage":
        return TranscriptionUsage(
            self.input_text + other.input_text,
            self.input_audio + other.input_audio,
            self.output_text + other.output_text,
            self.audio_ms + other.audio_ms,
        )


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


@dataclass(frozen=True, slots=True)
class ModelCounters:
    """Totals of one session, over all its connections."""

    audio_sent_ms: float = 0.0
    audio_queued_ms: float = 0.0
    audio_dropped_ms: float = 0.0
    """Audio that waited longer than the queue holds and was discarded, oldest first."""
    audio_received_ms: float = 0.0
    round_trip_ms: float | None = None
    """Of the last ping."""
    malformed_frames: int = 0
    """What the model sent that nobody could read."""
    unknown_events: int = 0
    """What it sent that we have no name for."""
    ignored_refusals: int = 0
    """Commands it refused because what they would have stopped or cut was already gone."""
    reconnects: int = 0
    """How often a lost connection was made anew."""
    rotations: int = 0
    """How often a session was replaced before its time was up."""
    gap_ms: float = 0.0
    """For how long there was no session, in all."""


class ModelSession(Protocol):
    """An open, configured session. It may outlive the connections it is carried by.

    While a lost connection is made anew, commands are kept, and audio is dropped and counted.
    """

    @property
    def session_id(self) -> str:
        """The provider's name for it: of the newest connection, where there were several."""
        ...

    def send_audio_nowait(self, pcm: bytes | memoryview) -> None:
        """Queue 24 kHz mono int16 audio of the user. A full queue drops its oldest audio."""
        ...

    async def respond(
        self, *, tag: str, instructions: str | None = None, say: str | None = None
    ) -> None:
        """Ask for a response now: of its own, with more instructions, or to say exactly `say`.

        `instructions` come on top of the session's. A model is only asked to keep to `say`; most
        words of most texts come out.

        :raises ModelError: the session is gone.
        :raises ValueError: both `instructions` and `say` are given.
        """
        ...

    async def commit_turn(self) -> None:
        """Make a turn of what the user has said since the last; the model does not answer it.

        Of less than 100 ms it makes none, and warns.

        :raises ModelError: the session is gone.
        """
        ...

    async def cancel(self, response_id: str | None = None) -> None:
        """Stop a response. One that is already over is no error."""
        ...

    async def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Make the model forget what of an item nobody heard."""
        ...

    async def delete(self, item_id: str) -> None:
        """Make the model forget an item of which nothing was heard."""
        ...

    async def answer_tool(self, call_id: ToolCallId, output: str) -> None:
        """Tell the model what came of a function that it called; it does not respond by itself.

        `ToolAnswered` follows. A call may be answered more than once: first that work has begun,
        then what came of it.

        :raises ModelError: the session is gone.
        """
        ...

    async def add_context(self, item: ContextItem) -> None:
        """Tell the model something, at the end of the conversation; it does not respond to it.

        :raises ModelError: the session is gone.
        """
        ...

    async def update(self, change: ConfigChange) -> None:
        """Go on with another configuration; what the model refuses of it is a `ModelWarning`.

        :raises ModelError: the session is gone.
        """
        ...

    def events(self) -> AsyncIterator[ModelEvent]:
        """Yield what the model says, in order, until the session is closed by us. One reader.

        :raises ModelError: the session ended otherwise.
        """
        ...

    def counters(self) -> ModelCounters: ...


@dataclass(frozen=True, slots=True)
class EphemeralKey:
    """A short-lived key for a browser that talks to the model itself."""

    value: str = field(repr=False)
    expires_at: datetime
    session: Mapping[str, object] = field(repr=False)


class ModelService(Protocol):
    """A provider of realtime sessions."""

    def open(self, config: ModelConfig) -> AbstractAsyncContextManager[ModelSession]:
        """Open a session that has accepted `config` on entering, and is closed on leaving.

        :raises ModelError: it could not be opened or refused the configuration.
        """
        ...

    async def create_ephemeral_key(self, config: ModelConfig, ttl_s: int) -> EphemeralKey:
        """
        :raises ModelError: the provider refused or did not answer.
        """
        ...
