"""What does the server say? One table leads from an event's type to the function that reads it."""

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.errors import ModelError, ModelFailure
from bridge.model.commands import TAG_KEY, EventId
from bridge.model.counted import confidence, tokens, transcription
from bridge.model.fields import (
    UNREADABLE_CODE,
    Fields,
    MalformedFrame,
    code,
    error_code,
    nested,
    number,
    optional,
    parse_object,
    text,
)
from bridge.ports.model_event import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    FunctionCall,
    ModelEvent,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    ToolAnswered,
    TurnCommitted,
    UserTextDelta,
    UserTextDone,
)
from bridge.ports.tool import ToolCallId

# A peer that sends nothing but garbage for so many frames does not speak this protocol.
MAX_MALFORMED_IN_A_ROW: Final = 16


@dataclass(frozen=True, slots=True)
class SessionCreated:
    session_id: str
    expires_at_s: float | None
    """When the provider will end the session, in seconds of its epoch."""


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The configuration is accepted."""


@dataclass(frozen=True, slots=True)
class ResponseOver:
    """A response ended; its tag again, for the case that its beginning never came."""

    done: ResponseDone
    request_tag: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The server's `error` event."""

    code: str
    param: str
    event_id: EventId | None


ServerEvent = ModelEvent | SessionCreated | SessionUpdated | ResponseOver | Refused


class Decoder:
    """Decodes one session's frames, and counts those that say nothing."""

    def __init__(self) -> None:
        self.malformed = 0
        self.unknown = 0
        self._malformed_in_a_row = 0

    def decode(self, frame: bytes) -> ServerEvent | None:
        """Return what `frame` says, or None if it is of no concern.

        :raises ModelError: too many frames in a row were malformed.
        """
        try:
            fields = parse_object(frame)
            kind = text(fields, "type")
            read = _READERS.get(kind)
            if read is None and kind not in IGNORED:
                self.unknown += 1
            event = None if read is None else read(fields)
        except MalformedFrame:
            self.malformed += 1
            self._malformed_in_a_row += 1
            if self._malformed_in_a_row >= MAX_MALFORMED_IN_A_ROW:
                raise ModelError(ModelFailure.LOST, "protocol") from None
            return None
        self._malformed_in_a_row = 0
        return event


def _session_created(fields: Fields) -> SessionCreated:
    session = nested(fields, "session")
    expires_at = session.get("expires_at")
    return SessionCreated(
        session_id=text(session, "id"),
        expires_at_s=float(expires_at) if isinstance(expires_at, int | float) else None,
    )


def _response_tag(response: Fields) -> str | None:
    tag = optional(response, "metadata").get(TAG_KEY)
    return tag if isinstance(tag, str) else None


def _response_started(fields: Fields) -> ResponseStarted:
    response = nested(fields, "response")
    return ResponseStarted(text(response, "id"), _response_tag(response))


def _response_over(fields: Fields) -> ResponseOver:
    response = nested(fields, "response")
    details = optional(response, "status_details")
    status = text(response, "status")
    done = ResponseDone(
        response_id=text(response, "id"),
        status=_STATUSES.get(status, ResponseStatus.FAILED),
        tokens=tokens(optional(response, "usage")),
        detail=error_code(details) or code(details.get("reason")),
    )
    return ResponseOver(done, _response_tag(response))


def _audio_delta(fields: Fields) -> AudioDelta:
    try:
        pcm = binascii.a2b_base64(text(fields, "delta"), strict_mode=True)
    except ValueError:
        raise MalformedFrame("delta") from None
    return AudioDelta(
        text(fields, "response_id"), text(fields, "item_id"), number(fields, "content_index"), pcm
    )


def _audio_done(fields: Fields) -> AudioDone:
    return AudioDone(
        text(fields, "response_id"), text(fields, "item_id"), number(fields, "content_index")
    )


def _agent_text_delta(fields: Fields) -> AgentTextDelta:
    return AgentTextDelta(
        text(fields, "item_id"), number(fields, "content_index"), text(fields, "delta")
    )


def _agent_text_done(name: str) -> Callable[[Fields], AgentTextDone]:
    def read(fields: Fields) -> AgentTextDone:
        return AgentTextDone(
            text(fields, "item_id"), number(fields, "content_index"), text(fields, name)
        )

    return read


def _function_call(fields: Fields) -> FunctionCall | None:
    item = nested(fields, "item")
    # One that was cut off is an item like others, but its arguments are a torso.
    # The status may be anything, lists included, which no set can be asked for.
    cut_off = item.get("status") not in (None, "completed")
    if item.get("type") != "function_call" or cut_off:
        return None
    return FunctionCall(
        response_id=text(fields, "response_id"),
        item_id=text(item, "id"),
        call_id=ToolCallId(text(item, "call_id")),
        name=text(item, "name"),
        arguments=text(item, "arguments"),
    )


def _item_added(fields: Fields) -> ToolAnswered | None:
    item = nested(fields, "item")
    if item.get("type") != "function_call_output":
        return None
    return ToolAnswered(ToolCallId(text(item, "call_id")))


def _user_text_delta(fields: Fields) -> UserTextDelta | None:
    # The protocol allows a delta without text.
    if not fields.get("delta"):
        return None
    return UserTextDelta(text(fields, "item_id"), text(fields, "delta"))


def _user_text_done(fields: Fields) -> UserTextDone:
    return UserTextDone(
        text(fields, "item_id"),
        text(fields, "transcript"),
        confidence(fields.get("logprobs")),
        transcription(optional(fields, "usage")),
    )


def _transcription_failed(fields: Fields) -> ModelWarning:
    return ModelWarning(error_code(fields) or UNREADABLE_CODE, "input audio transcription failed")


def _refused(fields: Fields) -> Refused:
    error = nested(fields, "error")
    sent = error.get("event_id")
    return Refused(
        code=error_code(fields) or UNREADABLE_CODE,
        param=code(error.get("param")),
        event_id=EventId.parse(sent if isinstance(sent, str) else None),
    )


_STATUSES: Final = {status.value: status for status in ResponseStatus}

_READERS: Final[Mapping[str, Callable[[Fields], ServerEvent | None]]] = {
    "session.created": _session_created,
    "session.updated": lambda _: SessionUpdated(),
    "error": _refused,
    "input_audio_buffer.speech_started": lambda fields: SpeechStarted(
        text(fields, "item_id"), number(fields, "audio_start_ms")
    ),
    "input_audio_buffer.speech_stopped": lambda fields: SpeechStopped(
        text(fields, "item_id"), number(fields, "audio_end_ms")
    ),
    "conversation.item.added": _item_added,
    "conversation.item.input_audio_transcription.delta": _user_text_delta,
    "conversation.item.input_audio_transcription.completed": _user_text_done,
    "conversation.item.input_audio_transcription.failed": _transcription_failed,
    "input_audio_buffer.committed": lambda fields: TurnCommitted(text(fields, "item_id")),
    "response.created": _response_started,
    "response.done": _response_over,
    "response.output_item.done": _function_call,
    "response.output_audio.delta": _audio_delta,
    "response.output_audio.done": _audio_done,
    "response.output_audio_transcript.delta": _agent_text_delta,
    "response.output_audio_transcript.done": _agent_text_done("transcript"),
    "response.output_text.delta": _agent_text_delta,
    "response.output_text.done": _agent_text_done("text"),
}

# What the protocol also says, and nobody here needs to know.
IGNORED: Final = frozenset(
    {
        "conversation.created",
        "conversation.item.created",
        "conversation.item.deleted",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.segment",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "input_audio_buffer.cleared",
        "input_audio_buffer.dtmf_event_received",
        "input_audio_buffer.timeout_triggered",
        "mcp_list_tools.completed",
        "mcp_list_tools.failed",
        "mcp_list_tools.in_progress",
        "output_audio_buffer.cleared",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "rate_limits.updated",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.mcp_call.completed",
        "response.mcp_call.failed",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.output_item.added",
    }
)
