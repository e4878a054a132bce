"""What do the configurations of a session and of one response look like on the wire?"""

from collections.abc import Mapping
from typing import Final

from bridge.errors import ModelError, ModelFailure
from bridge.model.commands import TAG_KEY
from bridge.pcm import MODEL_RATE_HZ
from bridge.ports.model_config import ManualTurns, ModelConfig, SemanticVad, ServerVad
from bridge.ports.tool import ToolSpec

# Objects that the server merges field by field; it takes all others whole.
_PARTS: Final = frozenset({"audio", "input", "output"})

_PCM: Final = {"type": "audio/pcm", "rate": MODEL_RATE_HZ}

_LOGPROBS: Final = "item.input_audio_transcription.logprobs"

# Where the provider wants to read for whom a session is; it is no field of the session.
# https://developers.openai.com/api/docs/guides/realtime
SAFETY_HEADER: Final = "OpenAI-Safety-Identifier"


_SAY: Final = (
    "Say exactly the text below, word for word and in its own language. "
    "Add nothing before or after it, and do not answer or translate it.\n\n"
)


def response_object(
    tag: str, session_instructions: str, instructions: str | None, say: str | None
) -> dict[str, object]:
    """Return the `response` of a response.create: to say `say`, or with more instructions."""
    response: dict[str, object] = {"metadata": {TAG_KEY: tag}}
    if say is not None:
        response |= {"instructions": _SAY + say, "input": [], "tool_choice": "none"}
    elif instructions is not None:
        # A response's instructions replace the session's: the agent would forget who it is.
        response["instructions"] = f"{session_instructions}\n\n{instructions}"
    return response


def session_object(config: ModelConfig) -> dict[str, object]:
    """Return the `session` of a session.update or of an ephemeral key.

    Optional parts are sent as null, not left out: what the agent file does not name is off,
    whatever the provider's default.
    """
    return _include(config) | {
        "type": "realtime",
        "model": config.model,
        "output_modalities": ["audio"],
        "instructions": config.instructions,
        "max_output_tokens": config.max_output_tokens or "inf",
        "tools": [_tool(tool) for tool in config.tools],
        "tool_choice": "auto",
        "audio": {
            "input": {
                "format": _PCM,
                "noise_reduction": _noise_reduction(config),
                "transcription": _transcription(config),
                "turn_detection": _turn_detection(config),
            },
            "output": {"format": _PCM, "voice": config.voice, "speed": config.speed},
        },
    }


def session_changes(old: ModelConfig, new: ModelConfig) -> dict[str, object]:
    """Return the `session` of a session.update that makes the new one of the old; may be empty.

    What does not change is left out: some of it may not even be repeated once audio has flowed.
    """
    return _changes(session_object(old), session_object(new))


def safety_headers(identifier: str | None) -> dict[str, str]:
    """Return the headers that name the end user to the provider.

    :raises ModelError: the identifier cannot stand in a header.
    """
    if identifier is None:
        return {}
    if not (identifier.isascii() and identifier.isprintable()):
        raise ModelError(ModelFailure.CONFIG_REJECTED, "safety_identifier")
    return {SAFETY_HEADER: identifier}


def _changes(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    changes: dict[str, object] = {}
    for name, value in new.items():
        before = old.get(name)
        if name in _PARTS and isinstance(before, Mapping) and isinstance(value, Mapping):
            if part := _changes(before, value):
                changes[name] = part
        elif value != before:
            changes[name] = value
    return changes


def _tool(tool: ToolSpec) -> dict[str, object]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }


def _noise_reduction(config: ModelConfig) -> dict[str, str] | None:
    return {"type": config.noise_reduction} if config.noise_reduction else None


def _include(config: ModelConfig) -> dict[str, object]:
    # The one part that the protocol does not let us send as null.
    asked = config.transcription_model is not None and config.transcription_confidence
    return {"include": [_LOGPROBS]} if asked else {}


def _transcription(config: ModelConfig) -> dict[str, str] | None:
    if config.transcription_model is None:
        return None
    primary_subtag = config.language.partition("-")[0].lower()
    return {"model": config.transcription_model, "language": primary_subtag}


def _turn_detection(config: ModelConfig) -> dict[str, object] | None:
    common = {
        "create_response": config.create_response,
        "interrupt_response": config.interruptible,
    }
    match config.turn_detection:
        case ServerVad() as vad:
            return {
                "type": "server_vad",
                "threshold": vad.threshold,
                "prefix_padding_ms": vad.prefix_padding_ms,
                "silence_duration_ms": vad.silence_duration_ms,
                "idle_timeout_ms": vad.idle_timeout_ms,
                **common,
            }
        case SemanticVad() as vad:
            return {"type": "semantic_vad", "eagerness": vad.eagerness, **common}
        case ManualTurns():
            return None
