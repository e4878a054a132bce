"""What goes over the wire: ids, refusals, and the server's events as plain dicts."""

import secrets
from typing import Any, Final, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object as orjson gives it; checked in schema.py, trusted after."""

# The service refuses longer ids, so a client must never be shown one.
MAX_ID_CHARS: Final = 32


def new_id(prefix: str) -> str:
    """Return a fresh id such as `item_9f...`, at most 32 characters long."""
    return f"{prefix}_{secrets.token_hex(10)}"


class Refusal(Exception):
    """A client event that cannot be carried out; becomes an `error` event, the session lives on."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind

    def body(self, event_id: str | None = None) -> JsonObject:
        """Return the error object, carrying the client's own `event_id`."""
        return {
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }


def error(refusal: Refusal, event_id: str | None = None) -> JsonObject:
    """Return the `error` event for a refusal of the client event `event_id`."""
    return {"type": "error", "error": refusal.body(event_id)}


def session_created(session: JsonObject) -> JsonObject:
    """Return the first event of every session."""
    return {"type": "session.created", "session": session}


def session_updated(session: JsonObject) -> JsonObject:
    """Return the answer to an accepted `session.update`, with the whole configuration."""
    return {"type": "session.updated", "session": session}


def item_event(stage: str, item: JsonObject, previous_item_id: str | None) -> JsonObject:
    """Return `conversation.item.<stage>`, stage being added, created or done."""
    return {
        "type": f"conversation.item.{stage}",
        "previous_item_id": previous_item_id,
        "item": item,
    }


def item_retrieved(item: JsonObject) -> JsonObject:
    """Return the server's own copy of an item."""
    return {"type": "conversation.item.retrieved", "item": item}


def item_deleted(item_id: str) -> JsonObject:
    """Return the confirmation that an item is gone."""
    return {"type": "conversation.item.deleted", "item_id": item_id}


def item_truncated(item_id: str, content_index: int, audio_end_ms: int) -> JsonObject:
    """Return the confirmation that an item's audio now ends at `audio_end_ms`."""
    return {
        "type": "conversation.item.truncated",
        "item_id": item_id,
        "content_index": content_index,
        "audio_end_ms": audio_end_ms,
    }


def transcription_delta(item_id: str, delta: str, logprobs: list[JsonObject] | None) -> JsonObject:
    """Return a piece of what the caller said."""
    return {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": item_id,
        "content_index": 0,
        "delta": delta,
        "logprobs": logprobs,
    }


def transcription_completed(
    item_id: str, transcript: str, usage: JsonObject, logprobs: list[JsonObject] | None
) -> JsonObject:
    """Return all of what the caller said in one turn."""
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": transcript,
        "usage": usage,
        "logprobs": logprobs,
    }


def speech_started(item_id: str, audio_start_ms: int) -> JsonObject:
    """Return the event that interrupts a client's playback."""
    return {
        "type": "input_audio_buffer.speech_started",
        "audio_start_ms": audio_start_ms,
        "item_id": item_id,
    }


def speech_stopped(item_id: str, audio_end_ms: int) -> JsonObject:
    """Return the event at the end of the caller's turn."""
    return {
        "type": "input_audio_buffer.speech_stopped",
        "audio_end_ms": audio_end_ms,
        "item_id": item_id,
    }


def timeout_triggered(item_id: str, audio_start_ms: int, audio_end_ms: int) -> JsonObject:
    """Return the event of a caller who said nothing for `idle_timeout_ms`."""
    return {
        "type": "input_audio_buffer.timeout_triggered",
        "audio_start_ms": audio_start_ms,
        "audio_end_ms": audio_end_ms,
        "item_id": item_id,
    }


def committed(item_id: str, previous_item_id: str | None) -> JsonObject:
    """Return the event that turns buffered audio into a user item."""
    return {
        "type": "input_audio_buffer.committed",
        "previous_item_id": previous_item_id,
        "item_id": item_id,
    }


def cleared() -> JsonObject:
    """Return the confirmation of `input_audio_buffer.clear`."""
    return {"type": "input_audio_buffer.cleared"}


def rate_limits_updated() -> JsonObject:
    """Return limits that are never reached: the simulator has none."""
    return {
        "type": "rate_limits.updated",
        "rate_limits": [
            {"name": "requests", "limit": 5000, "remaining": 4999, "reset_seconds": 0.012},
            {"name": "tokens", "limit": 400_000, "remaining": 395_000, "reset_seconds": 0.75},
        ],
    }
