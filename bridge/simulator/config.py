"""The session's configuration: what it starts as, and what an update makes of it."""

import copy
from typing import Any, Final, Literal, cast

from bridge.simulator.audio_format import FormatName
from bridge.simulator.session_shapes import SemanticVad, ServerVad
from bridge.simulator.vad import Tuning
from bridge.simulator.wire import JsonObject, Refusal

# A user who goes on after this much silence was only thinking. Half the service's own longest
# waits, which it uses up only for turns that sound unfinished.
_SEMANTIC_SILENCE_MS: Final = {"low": 4000, "medium": 2000, "auto": 2000, "high": 1000}
_SEMANTIC_THRESHOLD: Final = 0.5
_SEMANTIC_PADDING_MS: Final = 300

# Objects that an update replaces whole: half of an old one under a new one means nothing.
_REPLACED: Final = {"format", "voice", "prompt", "tracing", "tool_choice", "truncation"}

_DEFAULT_INSTRUCTIONS: Final = "You are the realtime simulator. You answer without a model."
_LOGPROBS: Final = "item.input_audio_transcription.logprobs"


class SessionConfig:
    """One session's configuration, always complete; updates are already checked by schema.py."""

    def __init__(self, session_id: str, model: str, expires_at: int) -> None:
        pcm = {"type": "audio/pcm", "rate": 24000}
        self._document: JsonObject = {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": model,
            "expires_at": expires_at,
            "instructions": _DEFAULT_INSTRUCTIONS,
            "output_modalities": ["audio"],
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "include": None,
            "audio": {
                "input": {
                    "format": dict(pcm),
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": ServerVad(type="server_vad").model_dump(),
                },
                "output": {"format": dict(pcm), "voice": "marin", "speed": 1.0},
            },
        }

    def update(self, patch: JsonObject, *, voice_is_fixed: bool = False) -> None:
        """Merge a checked patch. Raises Refusal, changing nothing, when the voice is fixed."""
        changed = _merged(self._document, patch)
        if voice_is_fixed and changed["audio"]["output"]["voice"] != self.voice:
            raise Refusal(
                "Cannot update a conversation's voice if assistant audio is present.",
                code="cannot_update_voice",
                param="session.audio.output.voice",
            )
        self._document = changed

    def public(self) -> JsonObject:
        """Return the whole configuration as the client sees it."""
        return copy.deepcopy(self._document)

    @property
    def session_id(self) -> str:
        """The session's name."""
        return cast("str", self._document["id"])

    @property
    def model(self) -> str:
        """The model's name, which the simulator only repeats."""
        return cast("str", self._document["model"])

    @property
    def instructions(self) -> str:
        """What the model is told to be."""
        return cast("str", self._document["instructions"])

    @property
    def output_modalities(self) -> list[str]:
        """["audio"] or ["text"]."""
        return cast("list[str]", self._document["output_modalities"])

    @property
    def tools(self) -> list[JsonObject]:
        """The tools the model may call."""
        return cast("list[JsonObject]", self._document["tools"])

    @property
    def tool_choice(self) -> str | JsonObject:
        """Whether the model may call them."""
        return cast("str | JsonObject", self._document["tool_choice"])

    @property
    def max_output_tokens(self) -> int | Literal["inf"]:
        """The length at which an answer is cut off."""
        return cast("int | Literal['inf']", self._document["max_output_tokens"])

    @property
    def voice(self) -> Any:  # noqa: ANN401 - a name or an object with an id, only ever compared
        """The voice, fixed once the model has spoken."""
        return self._document["audio"]["output"]["voice"]

    @property
    def input_format(self) -> FormatName:
        """How the client writes audio."""
        return cast("FormatName", self._document["audio"]["input"]["format"]["type"])

    @property
    def output_format(self) -> JsonObject:
        """How the server writes audio."""
        return cast("JsonObject", self._document["audio"]["output"]["format"])

    @property
    def transcribes(self) -> bool:
        """Whether the client wants to read what the caller said."""
        return self._document["audio"]["input"]["transcription"] is not None

    @property
    def wants_logprobs(self) -> bool:
        """Whether transcriptions carry log probabilities."""
        return _LOGPROBS in (self._document["include"] or [])

    @property
    def turn_detection(self) -> ServerVad | SemanticVad | None:
        """How turns are found; None means the client commits them."""
        match self._document["audio"]["input"]["turn_detection"]:
            case None:
                return None
            case {"type": "server_vad"} as server:
                return ServerVad.model_validate(server)
            case semantic:
                return SemanticVad.model_validate(semantic)


def tuning(detection: ServerVad | SemanticVad) -> Tuning:
    """Return what the voice detector must look for."""
    if isinstance(detection, ServerVad):
        return Tuning(
            threshold=detection.threshold,
            prefix_padding_ms=detection.prefix_padding_ms,
            silence_duration_ms=detection.silence_duration_ms,
        )
    return Tuning(
        threshold=_SEMANTIC_THRESHOLD,
        prefix_padding_ms=_SEMANTIC_PADDING_MS,
        silence_duration_ms=_SEMANTIC_SILENCE_MS[detection.eagerness],
    )


def _merged(current: JsonObject, patch: JsonObject) -> JsonObject:
    result = dict(current)
    for name, value in patch.items():
        before = result.get(name)
        if name == "turn_detection":
            result[name] = _turn_detection(before, value)
        elif name == "format":
            result[name] = {**value, "rate": 24000} if value["type"] == "audio/pcm" else value
        elif name in _REPLACED or not (isinstance(before, dict) and isinstance(value, dict)):
            result[name] = value
        else:
            result[name] = _merged(before, value)
    return result


def _turn_detection(before: JsonObject | None, patch: JsonObject | None) -> JsonObject | None:
    if patch is None:
        return None
    kept = before if before and before["type"] == patch["type"] else {}
    shape = ServerVad if patch["type"] == "server_vad" else SemanticVad
    return shape.model_validate({**kept, **patch}).model_dump()
