"""Server events as the provider sends them, beside what they must be read as."""

import base64
from typing import Any

from bridge.model.wire import Refused, ResponseOver, ServerEvent, SessionCreated, SessionUpdated
from bridge.ports.model_event import (
    AgentTextDelta,
    AgentTextDone,
    AudioDelta,
    AudioDone,
    FunctionCall,
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
from bridge.ports.usage import TokenCounts, TranscriptionUsage

Payload = dict[str, Any]

PCM = bytes(range(48))


def event(kind: str, **fields: Any) -> Payload:
    return {"type": kind, "event_id": "event_1", **fields}


def in_part(kind: str, **fields: Any) -> Payload:
    """Return an event about one content part of a response."""
    place = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
    return event(kind, **place, **fields)


SESSION: Payload = {
    "id": "sess_1",
    "object": "realtime.session",
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "expires_at": 1_900_000_000,
}
USAGE: Payload = {
    "total_tokens": 200,
    "input_tokens": 120,
    "output_tokens": 80,
    "input_token_details": {
        "text_tokens": 50,
        "audio_tokens": 60,
        "image_tokens": 10,
        "cached_tokens": 42,
        "cached_tokens_details": {"text_tokens": 30, "audio_tokens": 8, "image_tokens": 4},
    },
    "output_token_details": {"text_tokens": 20, "audio_tokens": 60},
}
TOKENS = TokenCounts(
    input_text=50,
    input_audio=60,
    input_image=10,
    cached_text=30,
    cached_audio=8,
    cached_image=4,
    output_text=20,
    output_audio=60,
)


def response(status: str, **fields: Any) -> Payload:
    return {"id": "resp_1", "object": "realtime.response", "status": status, "output": [], **fields}


def created(tag: str | None = None, response_id: str = "resp_1") -> Payload:
    metadata = {"request_tag": tag} if tag else None
    begun = response("in_progress", metadata=metadata) | {"id": response_id}
    return event("response.created", response=begun)


def done(status: str = "completed", response_id: str = "resp_1", **fields: Any) -> Payload:
    return event("response.done", response=response(status, **fields) | {"id": response_id})


def audio(pcm: bytes = PCM, **fields: Any) -> Payload:
    return in_part("response.output_audio.delta", delta=base64.b64encode(pcm).decode()) | fields


def called(arguments: str = "{}", response_id: str = "resp_1", **item: Any) -> Payload:
    """Return the end of an item that calls a function."""
    whole = {"type": "function_call", "id": "item_f", "call_id": "call_1", "name": "look_up"}
    item = whole | {"status": "completed", "arguments": arguments} | item
    return event("response.output_item.done", response_id=response_id, output_index=0, item=item)


CALL = FunctionCall("resp_1", "item_f", ToolCallId("call_1"), "look_up", "{}")


def error(code: str | None = "invalid_value", **fields: Any) -> Payload:
    refused = {"type": "invalid_request_error", "code": code, "message": "No.", **fields}
    return event("error", error=refused)


def _over(status: ResponseStatus, detail: str = "", tag: str | None = None) -> ResponseOver:
    return ResponseOver(ResponseDone("resp_1", status, TokenCounts(), detail), tag)


ROWS: list[tuple[Payload, ServerEvent | None]] = [
    (event("session.created", session=SESSION), SessionCreated("sess_1", 1_900_000_000.0)),
    (event("session.updated", session=SESSION), SessionUpdated()),
    (error(), Refused("invalid_value", "", None)),
    (error(None), Refused("invalid_request_error", "", None)),
    (error("Say: my name is Ann"), Refused("unrecognised", "", None)),
    (error(param="session.audio.output.voice"),
     Refused("invalid_value", "session.audio.output.voice", None)),
    (event("input_audio_buffer.speech_started", item_id="item_1", audio_start_ms=320),
     SpeechStarted("item_1", 320)),
    (event("input_audio_buffer.speech_stopped", item_id="item_1", audio_end_ms=900),
     SpeechStopped("item_1", 900)),
    (event("input_audio_buffer.committed", item_id="item_1", previous_item_id=None),
     TurnCommitted("item_1")),
    (event("conversation.item.input_audio_transcription.delta", item_id="item_1", delta="Hel"),
     UserTextDelta("item_1", "Hel")),
    (event("conversation.item.input_audio_transcription.delta", item_id="item_1"), None),
    (event("conversation.item.input_audio_transcription.completed", item_id="item_1",
           content_index=0, transcript="Hello.", usage={"type": "duration", "seconds": 1.0}),
     UserTextDone("item_1", "Hello.", None, TranscriptionUsage(audio_ms=1000))),
    (event("conversation.item.input_audio_transcription.failed", item_id="item_1",
           content_index=0, error={"code": "audio_unintelligible", "message": "?"}),
     ModelWarning("audio_unintelligible", "input audio transcription failed")),
    (created(), ResponseStarted("resp_1", None)),
    (created("greeting"), ResponseStarted("resp_1", "greeting")),
    (audio(), AudioDelta("resp_1", "item_1", 0, PCM)),
    (in_part("response.output_audio.done"), AudioDone("resp_1", "item_1", 0)),
    (in_part("response.output_audio_transcript.delta", delta="Hi"),
     AgentTextDelta("item_1", 0, "Hi")),
    (in_part("response.output_audio_transcript.done", transcript="Hi."),
     AgentTextDone("item_1", 0, "Hi.")),
    (in_part("response.output_text.delta", delta="Hi"), AgentTextDelta("item_1", 0, "Hi")),
    (in_part("response.output_text.done", text="Hi."), AgentTextDone("item_1", 0, "Hi.")),
    (event("conversation.item.added", item={
        "type": "function_call_output", "id": "output_1", "call_id": "call_1", "output": "42"}),
     ToolAnswered(ToolCallId("call_1"))),
    (event("conversation.item.added", item={
        "type": "message", "role": "assistant", "id": "item_1", "content": []}), None),
    (called(), CALL),
    (called(status=None), CALL),
    (called('{"half', status="incomplete"), None),
    (event("response.output_item.done", response_id="resp_1", output_index=0, item={
        "type": "message", "role": "assistant", "id": "item_1", "status": "completed",
        "content": []}), None),
    (done(usage=USAGE, metadata={"request_tag": "greeting"}),
     ResponseOver(
         ResponseDone("resp_1", ResponseStatus.COMPLETED, TOKENS), "greeting")),
    (done("cancelled", status_details={"type": "cancelled", "reason": "turn_detected"}),
     _over(ResponseStatus.CANCELLED, "turn_detected")),
    (done("incomplete", status_details={"type": "incomplete", "reason": "content_filter"}),
     _over(ResponseStatus.INCOMPLETE, "content_filter")),
    (done("failed", status_details={
        "type": "failed", "error": {"type": "server_error", "code": "insufficient_quota"}}),
     _over(ResponseStatus.FAILED, "insufficient_quota")),
    (done("failed", status_details={"type": "failed", "error": {"type": "server_error"}}),
     _over(ResponseStatus.FAILED, "server_error")),
    (event("rate_limits.updated", rate_limits=[]), None),
]  # fmt: skip
