"""Which fields a session has, and which values they take."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """A shape that refuses unknown fields and does not turn one type into another."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Open(BaseModel):
    """A shape of which only the tag matters here: accepted, echoed, without effect."""

    model_config = ConfigDict(extra="allow", strict=True)


Modalities: TypeAlias = Annotated[list[Literal["audio", "text"]], Field(min_length=1, max_length=1)]
MaxTokens: TypeAlias = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]


class PcmFormat(Strict):
    """16-bit PCM; no other rate exists."""

    type: Literal["audio/pcm"]
    rate: Literal[24000] = 24000


class G711Format(Strict):
    """G.711, always 8 kHz."""

    type: Literal["audio/pcmu", "audio/pcma"]


Format: TypeAlias = Annotated[PcmFormat | G711Format, Field(discriminator="type")]


class ServerVad(Strict):
    """Turn detection by loudness."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Field(ge=0)] = 300
    silence_duration_ms: Annotated[int, Field(ge=0)] = 500
    idle_timeout_ms: Annotated[int, Field(ge=5000, le=30_000)] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Strict):
    """Turn detection by meaning."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection: TypeAlias = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class Transcription(Strict):
    """Transcription of what the caller says."""

    model: str | None = None
    language: str | None = None
    languages: list[str] | None = None
    prompt: str | None = None
    keywords: list[str] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(Strict):
    """Noise reduction; accepted, without effect."""

    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = None


class AudioInput(Strict):
    """session.audio.input."""

    format: Format | None = None
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = None


class CustomVoice(Strict):
    """A voice by id."""

    id: str


class ResponseAudioOutput(Strict):
    """response.audio.output."""

    format: Format | None = None
    voice: str | CustomVoice | None = None


class AudioOutput(ResponseAudioOutput):
    """session.audio.output."""

    speed: Annotated[float, Field(ge=0.25, le=1.5)] = 1.0


class Audio(Strict):
    """session.audio."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class ResponseAudio(Strict):
    """response.audio."""

    output: ResponseAudioOutput = ResponseAudioOutput()


class FunctionTool(Strict):
    """A function the model may call."""

    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class McpTool(_Open):
    """A remote tool server; accepted, never called."""

    type: Literal["mcp"]


class ToolChoiceByName(_Open):
    """A tool that must be called; accepted, without effect."""

    type: Literal["function", "mcp"]


class Prompt(Strict):
    """A stored prompt; accepted, without effect."""

    id: str
    variables: dict[str, Any] | None = None
    version: str | None = None


class Reasoning(Strict):
    """Reasoning effort; accepted, without effect."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class Tracing(Strict):
    """Tracing; accepted, without effect."""

    group_id: str | None = None
    metadata: dict[str, Any] | None = None
    workflow_name: str | None = None


class RetentionRatio(_Open):
    """Truncation by ratio; accepted, without effect."""

    type: Literal["retention_ratio"]
    retention_ratio: Annotated[float, Field(ge=0, le=1)]


class Generation(Strict):
    """What a session and a single response both say about how to answer."""

    instructions: str = ""
    max_output_tokens: MaxTokens = "inf"
    output_modalities: Modalities = ["audio"]
    parallel_tool_calls: bool | None = None
    prompt: Prompt | None = None
    reasoning: Reasoning | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoiceByName = "auto"
    tools: list[Annotated[FunctionTool | McpTool, Field(discriminator="type")]] = []


class SessionPatch(Generation):
    """The `session` of a session.update or of a client secret: only what it names changes."""

    type: Literal["realtime"]
    audio: Audio = Audio()
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None
    model: str | None = None
    tracing: Literal["auto"] | Tracing | None = None
    truncation: Literal["auto", "disabled"] | RetentionRatio = "auto"
