"""What may stand in an agent's file. Unknown fields are refused; every known one has an effect."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    model_validator,
)

from bridge.agents.greeting import GreetingPart
from bridge.agents.mcp_tools import McpParts
from bridge.agents.outside import surroundings_of
from bridge.agents.silence import SilenceSteps
from bridge.agents.tags import is_tag
from bridge.agents.templates import TEMPLATE, ShortText
from bridge.agents.tools import ToolPart, ToolParts
from bridge.agents.turn_parts import InterruptionPart, ServerVadPart, TurnDetectionPart
from bridge.agents.variables import VariableName, VariablePart
from bridge.durations import (
    JOIN_TIMEOUT_RANGE_S,
    MAX_DURATION_RANGE_S,
    REJOIN_GRACE_RANGE_S,
    parse_duration_s,
    within,
)
from bridge.files.checked import Part
from bridge.files.lines import Line
from bridge.ports.agent import (
    MAX_VARIABLES,
)
from bridge.ports.budget import MAX_BUDGET
from bridge.ports.tool import MAX_TOOLS

# As in proto/bridge/v1/agent.proto.
MAX_INSTRUCTIONS_CHARS: Final = 32_768
DEFAULT_VOICE: Final = "marin"
# The one that the openai types name for use inside a realtime session; the gpt-4o-transcribe models
# and whisper-1 are announced to shut down on 2027-02-26.
DEFAULT_TRANSCRIPTION_MODEL: Final = "gpt-realtime-whisper"

_AGENT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}")


def _id(text: str) -> str:
    if not _AGENT_ID.fullmatch(text):
        raise ValueError('must be letters, digits, "_", "-" and ".", at most 128')
    return text


def _tag(tag: str) -> str:
    if not is_tag(tag):
        raise ValueError('must be a language tag such as "en" or "es-MX"')
    return tag


def _as_mapping(what: str) -> BeforeValidator:
    """Let a bare list of names stand for a mapping that says nothing of each."""

    def by_name(names: object) -> object:
        if not isinstance(names, list):
            return names
        if not all(isinstance(name, str) for name in names):
            raise ValueError(f"must be a list of {what}s, or a mapping by {what}")
        if len(set(names)) < len(names):
            raise ValueError(f"names a {what} twice")
        return dict.fromkeys(names)

    return BeforeValidator(by_name)


def _distinct(languages: dict[str, "LanguagePart | None"]) -> dict[str, "LanguagePart | None"]:
    if not languages:
        raise ValueError("must name a language")
    if len({tag.lower() for tag in languages}) < len(languages):
        raise ValueError("names a language twice, in capitals and not")
    return languages


def _useful(tools: list[ToolPart], info: ValidationInfo) -> list[ToolPart]:
    switches = any(tool.builtin == "notify_language_switch" for tool in tools)
    if switches and len(info.data.get("languages", ())) == 1:
        raise ValueError("notify_language_switch: the agent speaks one language only")
    return tools


def _beside_tools(mcp: McpParts, info: ValidationInfo) -> McpParts:
    names = [tool.called for tool in info.data.get("tools", ())]
    names += [name for part in mcp for name in part.called]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names a tool twice: {', '.join(twice)}")
    if len(names) > MAX_TOOLS:
        raise ValueError(f"at most {MAX_TOOLS} tools, with those of tools")
    return mcp


def _english() -> dict[str, "LanguagePart | None"]:
    return {"en": None}


def _off_is_none(transcription: object) -> object:
    if transcription is None:
        raise ValueError('must be "off", or a mapping that may name a model')
    return None if transcription == "off" else transcription


Instructions = Annotated[str, Field(max_length=MAX_INSTRUCTIONS_CHARS), TEMPLATE]
Speed = Annotated[float, Field(ge=0.25, le=1.5)]
Overridable = Literal[
    "instructions",
    "model",
    "voice",
    "speed",
    "turn_detection",
    "interruptible",
    "interruption",
    "greeting",
    "silence",
    "noise",
    "tools",
]
Tag = Annotated[str, AfterValidator(_tag)]


class TranscriptionPart(Part):
    """Who writes down what the caller says."""

    model: Line = DEFAULT_TRANSCRIPTION_MODEL
    confidence: bool = True


class NoisePart(Part):
    """What is done to the caller's microphone before the model hears it."""

    suppression: bool = False
    gain: bool = False


class LanguagePart(Part):
    """What is different in one language."""

    voice: Line | None = None
    accent: ShortText | None = None
    instructions: Instructions | None = None
    greeting: GreetingPart | None = None


class LimitsPart(Part):
    """How long calls with this agent may take."""

    join_timeout: Annotated[
        float | None,
        BeforeValidator(parse_duration_s),
        AfterValidator(within(JOIN_TIMEOUT_RANGE_S)),
    ] = None
    max_duration: Annotated[
        float | None,
        BeforeValidator(parse_duration_s),
        AfterValidator(within(MAX_DURATION_RANGE_S)),
    ] = None
    rejoin_grace: Annotated[
        float | None,
        BeforeValidator(parse_duration_s),
        AfterValidator(within(REJOIN_GRACE_RANGE_S)),
    ] = None
    time_exceeded: ShortText | None = None


class BudgetPart(Part):
    """What each call of this agent may spend."""

    max_tokens: Annotated[int, Field(ge=1, le=MAX_BUDGET)] | None = None
    max_micro_units: Annotated[int, Field(ge=1, le=MAX_BUDGET)] | None = None
    exceeded_text: ShortText | None = None


class RecordingPart(Part):
    """How this agent's calls are recorded."""

    format: Literal["wav", "ogg_opus"] = "wav"
    paused: bool = False

    @model_validator(mode="after")
    def _has_a_place(self, info: ValidationInfo) -> Self:
        if not surroundings_of(info).recordings:
            raise ValueError("neither MEDIABRIDGE_RECORDINGS_DIR nor MEDIABRIDGE_EGRESS is set")
        return self


class OverridesPart(Part):
    """What one call changes: the same rules as in a file."""

    instructions: Instructions | None = None
    model: Line | None = None
    voice: Line | None = None
    speed: Speed | None = None
    turn_detection: TurnDetectionPart | None = None
    interruptible: bool | None = None
    interruption: InterruptionPart | None = None
    greeting: GreetingPart | None = None
    silence: SilenceSteps | None = None
    noise: NoisePart | None = None
    tools: ToolParts | None = None


class AgentFile(Part):
    """One agent, as written in its file."""

    agent_id: Annotated[str, AfterValidator(_id)] = Field(alias="agentId")
    tenant_id: Line | None = Field(None, alias="tenantId")
    name: Line
    company: Line | None = None
    languages: Annotated[
        dict[Tag, LanguagePart | None],
        _as_mapping("language tag"),
        AfterValidator(_distinct),
    ] = Field(default_factory=_english)
    variables: Annotated[
        dict[VariableName, VariablePart | None],
        _as_mapping("variable"),
        Field(max_length=MAX_VARIABLES),
    ] = Field(default_factory=dict)
    model: Line | None = None
    voice: Line = DEFAULT_VOICE
    speed: Speed = 1.0
    instructions: Instructions
    greeting: GreetingPart = GreetingPart(
        prompt="Greet the caller in {language}, say your name, and ask what you can do for them."
    )
    turn_detection: TurnDetectionPart = Field(
        default_factory=lambda: ServerVadPart(type="server_vad")
    )
    interruptible: bool = True
    interruption: InterruptionPart = InterruptionPart()
    transcription: Annotated[TranscriptionPart | None, BeforeValidator(_off_is_none)] = (
        TranscriptionPart()
    )
    noise_reduction: Literal["near_field", "far_field", "off"] = "off"
    noise: NoisePart = NoisePart()
    silence: SilenceSteps = Field(default_factory=list)
    max_output_tokens: Annotated[int, Field(ge=1, le=4096)] | None = None
    tools: Annotated[ToolParts, AfterValidator(_useful)] = Field(default_factory=list)
    mcp: Annotated[McpParts, AfterValidator(_beside_tools)] = Field(default_factory=list)
    limits: LimitsPart = LimitsPart()
    budget: BudgetPart = BudgetPart()
    recording: RecordingPart | None = None
    retention: Literal["none", "metadata", "transcript", "all"] = "all"
    overridable: list[Overridable] = Field(default_factory=list)

    @property
    def tool_names(self) -> list[str]:
        """The names of all tools that the model may be told of."""
        return [
            *(tool.called for tool in self.tools),
            *(name for part in self.mcp for name in part.called),
        ]
