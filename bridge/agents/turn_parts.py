"""How is it written in an agent's file when a turn ends, and what stops the agent?"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.durations import (
    ECHO_GUARD_RANGE_S,
    MIN_SPEECH_RANGE_S,
    RESUME_AFTER_RANGE_S,
    parse_duration_s,
    within,
    zero_or,
)
from bridge.files.checked import Part
from bridge.ports.agent import InterruptionChange, TurnsChange
from bridge.ports.model_config import ManualTurns, SemanticVad, ServerVad, TurnDetection

Threshold = Annotated[float, Field(ge=0, le=1)]
PrefixPaddingMs = Annotated[int, Field(ge=0, le=2000)]
SilenceDurationMs = Annotated[int, Field(ge=100, le=5000)]
IdleTimeoutMs = Annotated[int, Field(ge=5000, le=30_000)]


class TurnsPart(Part):
    """What all ways of finding a turn's end have."""

    create_response: bool = True


class ServerVadPart(TurnsPart):
    """Turn detection by energy."""

    type: Literal["server_vad"]
    threshold: Threshold = 0.5
    prefix_padding_ms: PrefixPaddingMs = 300
    silence_duration_ms: SilenceDurationMs = 500
    idle_timeout_ms: IdleTimeoutMs | None = None


class SemanticVadPart(TurnsPart):
    """Turn detection by meaning."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"


class ManualTurnsPart(TurnsPart):
    """Turns that the gateway ends."""

    type: Literal["manual"]


TurnDetectionPart = Annotated[
    ServerVadPart | SemanticVadPart | ManualTurnsPart, Field(discriminator="type")
]


class InterruptionPart(Part):
    """When the caller's speech stops the agent's."""

    min_speech: Annotated[
        float, BeforeValidator(parse_duration_s), AfterValidator(within(MIN_SPEECH_RANGE_S))
    ] = 0.0
    resume_after: Annotated[
        float, BeforeValidator(parse_duration_s), AfterValidator(zero_or(RESUME_AFTER_RANGE_S))
    ] = 0.0
    echo_guard: Annotated[
        float, BeforeValidator(parse_duration_s), AfterValidator(within(ECHO_GUARD_RANGE_S))
    ] = 0.0


def detection_of(part: TurnDetectionPart) -> TurnDetection:
    """Return how the model is to find a turn's end."""
    match part:
        case ServerVadPart() as vad:
            return ServerVad(
                vad.threshold, vad.prefix_padding_ms, vad.silence_duration_ms, vad.idle_timeout_ms
            )
        case SemanticVadPart() as vad:
            return SemanticVad(vad.eagerness)
        case ManualTurnsPart():
            return ManualTurns()


def as_written(change: TurnsChange | InterruptionChange) -> dict[str, object] | None:
    """Return a change as a file would have it, for the file's rules; None if there is none."""
    match change:
        case TurnsChange(ServerVad() as vad):
            return {
                "type": "server_vad",
                "threshold": vad.threshold,
                "prefix_padding_ms": vad.prefix_padding_ms,
                "silence_duration_ms": vad.silence_duration_ms,
                "idle_timeout_ms": vad.idle_timeout_ms,
            }
        case TurnsChange(SemanticVad(eagerness)):
            return {"type": "semantic_vad", "eagerness": eagerness}
        case TurnsChange(ManualTurns()):
            return {"type": "manual"}
        case TurnsChange():
            return None
        case InterruptionChange():
            given = {
                "min_speech": change.min_speech_s,
                "resume_after": change.resume_after_s,
                "echo_guard": change.echo_guard_s,
            }
            return {name: seconds for name, seconds in given.items() if seconds is not None}
