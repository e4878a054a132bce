"""Which client events exist, and which fields they and their items have."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, Field

from bridge.simulator.session_shapes import Generation, ResponseAudio, SessionPatch, Strict
from bridge.simulator.wire import MAX_ID_CHARS

Id: TypeAlias = Annotated[str, Field(max_length=MAX_ID_CHARS)]


class _InputContent(Strict):
    type: Literal["input_text", "input_audio", "input_image"]
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None


class _SystemContent(Strict):
    type: Literal["input_text"]
    text: str


class _OutputContent(Strict):
    type: Literal["output_text", "output_audio"]
    text: str | None = None
    audio: str | None = None
    transcript: str | None = None


class _Item(Strict):
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class _UserMessage(_Item):
    type: Literal["message"]
    role: Literal["user"]
    content: list[_InputContent]


class _SystemMessage(_Item):
    type: Literal["message"]
    role: Literal["system"]
    content: list[_SystemContent]


class _AssistantMessage(_Item):
    type: Literal["message"]
    role: Literal["assistant"]
    content: list[_OutputContent]


class _FunctionCall(_Item):
    type: Literal["function_call"]
    name: str
    arguments: str
    call_id: Id | None = None


class _FunctionCallOutput(_Item):
    type: Literal["function_call_output"]
    call_id: Id
    output: str


_Message: TypeAlias = Annotated[
    _UserMessage | _SystemMessage | _AssistantMessage, Field(discriminator="role")
]
Item: TypeAlias = Annotated[
    _Message | _FunctionCall | _FunctionCallOutput, Field(discriminator="type")
]


class _ItemReference(Strict):
    type: Literal["item_reference"]
    id: str


InputItem: TypeAlias = Annotated[
    _Message | _FunctionCall | _FunctionCallOutput | _ItemReference, Field(discriminator="type")
]


class ResponseParams(Generation):
    """The `response` of a response.create."""

    audio: ResponseAudio = ResponseAudio()
    conversation: Literal["auto", "none"] = "auto"
    input: list[InputItem] | None = None
    metadata: dict[str, str] | None = None


class _Event(Strict):
    type: str
    event_id: str | None = None


class _SessionUpdate(_Event):
    session: SessionPatch


class _Append(_Event):
    audio: str


class _ItemCreate(_Event):
    item: Item
    previous_item_id: str | None = None


class _ItemNamed(_Event):
    item_id: str


class _ItemTruncate(_ItemNamed):
    content_index: Annotated[int, Field(ge=0)]
    audio_end_ms: Annotated[int, Field(ge=0)]


class _ResponseCreate(_Event):
    response: ResponseParams | None = None


class _ResponseCancel(_Event):
    response_id: str | None = None


class _ExpiresAfter(Strict):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(ge=10, le=7200)] = 600


class SecretRequest(Strict):
    """The body of a client_secrets request."""

    session: SessionPatch | None = None
    expires_after: _ExpiresAfter | None = None


CLIENT_EVENTS: Final[dict[str, type[BaseModel]]] = {
    "session.update": _SessionUpdate,
    "input_audio_buffer.append": _Append,
    "input_audio_buffer.commit": _Event,
    "input_audio_buffer.clear": _Event,
    "output_audio_buffer.clear": _Event,
    "conversation.item.create": _ItemCreate,
    "conversation.item.delete": _ItemNamed,
    "conversation.item.retrieve": _ItemNamed,
    "conversation.item.truncate": _ItemTruncate,
    "response.create": _ResponseCreate,
    "response.cancel": _ResponseCancel,
}
