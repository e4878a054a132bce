"""What is a model's session told to be?"""

from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, Final, Literal

from bridge.ports.tool import ToolSpec


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
    turn_detection: TurnDetection | None = None
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
