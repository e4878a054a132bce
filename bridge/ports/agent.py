"""Who answers a call: an agent as resolved for one call, and where agents come from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from bridge.ids import AgentId, TenantId
from bridge.ports.budget import Budget
from bridge.ports.model_config import ModelConfig, TurnDetection
from bridge.ports.recording import RecordingPlan
from bridge.ports.tool import ToolSpec
from bridge.retention import Retention

# As in proto/bridge/v1/call_service.proto.
MAX_VARIABLES: Final = 32
MAX_VARIABLE_CHARS: Final = 1_024
VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
VARIABLE_NAME_RULE: Final = 'letters, digits and "_", at most 64, the first no digit'


@dataclass(frozen=True, slots=True)
class GreetingManner:
    """How the agent greets."""

    interruptible: bool = True
    """Whether the caller's speech stops the greeting, whatever the agent allows later."""
    guard: bool = False
    """The model hears silence until the greeting is over."""
    delay_s: float = 0.0
    """How long to wait once the caller can hear the agent."""


@dataclass(frozen=True, slots=True)
class SayGreeting:
    """The agent says this text."""

    text: str = field(repr=False)
    manner: GreetingManner = GreetingManner()


@dataclass(frozen=True, slots=True)
class PromptGreeting:
    """The agent says what this instruction makes of it."""

    prompt: str = field(repr=False)
    manner: GreetingManner = GreetingManner()


@dataclass(frozen=True, slots=True)
class UserFirst:
    """The agent waits for the caller to speak."""


Greeting = SayGreeting | PromptGreeting | UserFirst


@dataclass(frozen=True, slots=True)
class InterruptionRules:
    """When the caller's speech stops the agent's; 0 is no rule."""

    min_speech_s: float = 0.0
    """Shorter speech does not stop it."""
    resume_after_s: float = 0.0
    """Without words for so long after the speech has stopped, the agent goes on."""
    echo_guard_s: float = 0.0
    """For so long of the agent's first speech in a call the model hears silence."""


@dataclass(frozen=True, slots=True)
class GreetingChange:
    """What is different about the greeting; None keeps the agent's own."""

    greeting: SayGreeting | PromptGreeting | UserFirst | None = None
    """Its manner does not count."""
    interruptible: bool | None = None
    guard: bool | None = None
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class InterruptionChange:
    """What is different about the rules; None keeps the agent's own."""

    min_speech_s: float | None = None
    resume_after_s: float | None = None
    echo_guard_s: float | None = None


@dataclass(frozen=True, slots=True)
class TurnsChange:
    """What is different about turns; None keeps the agent's own."""

    detection: TurnDetection | None = None
    create_response: bool | None = None


@dataclass(frozen=True, slots=True)
class NoisePolicy:
    """What is done to each caller's microphone before the model hears it."""

    suppression: bool = False
    """Steady noise is taken out."""
    gain: bool = False
    """Quiet speakers are made louder, loud ones softer."""


@dataclass(frozen=True, slots=True)
class SilenceStep:
    """What happens when nobody has said anything for so long; exactly one of `say` and `prompt`,
    or neither where it only ends the call."""

    after_s: float
    """Since the last sound of anybody, the step before included."""
    say: str | None = field(default=None, repr=False)
    prompt: str | None = field(default=None, repr=False)
    ends: bool = False
    """The call ends, once `say` has been heard."""


@dataclass(frozen=True, slots=True)
class AgentOverrides:
    """What one call wants changed; None keeps the agent's own value."""

    instructions: str | None = field(default=None, repr=False)
    model: str | None = None
    voice: str | None = None
    speed: float | None = None
    turn_detection: TurnsChange | None = None
    interruptible: bool | None = None
    interruption: InterruptionChange | None = None
    greeting: GreetingChange | None = None
    silence: tuple[SilenceStep, ...] | None = None
    """In place of the agent's own steps; none at all is a wish, too."""
    noise: NoisePolicy | None = None
    tools: tuple[ToolSpec, ...] | None = None
    """Beside the agent's own; a gateway executes them."""


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """How long an agent's calls may take; None leaves it to the server's defaults."""

    join_timeout_s: float | None = None
    max_duration_s: float | None = None
    rejoin_grace_s: float | None = None
    time_exceeded_text: str | None = field(default=None, repr=False)
    """Said before a call ends because its time is up."""


@dataclass(frozen=True, slots=True)
class ResolvedAgent:
    """An agent for one call: language chosen, overrides applied, prompt filled in."""

    agent_id: AgentId
    name: str
    language: str
    model: ModelConfig
    greeting: Greeting
    interruption: InterruptionRules = InterruptionRules()
    limits: AgentLimits = field(default_factory=AgentLimits)
    noise: NoisePolicy = field(default_factory=NoisePolicy)
    silence: tuple[SilenceStep, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The prompt in each language, where the agent may change from one to another in the call and
    nobody else has given it instructions."""
    budget: Budget = field(default_factory=Budget)
    """Of each of its calls."""
    budget_exceeded_text: str | None = field(default=None, repr=False)
    """Said when a budget is used up; None leaves the words to the model."""
    recording: RecordingPlan | None = None
    """Of each of its calls, unless a request says otherwise."""
    retention: Retention = Retention.ALL
    """What may be stored of its calls, at most."""


@dataclass(frozen=True, slots=True)
class AgentSummary:
    """What a chooser shows of an agent."""

    agent_id: AgentId
    name: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """Which agent, for whom, and how changed. Fields of a violation are named as in the API."""

    agent_id: AgentId
    tenant_id: TenantId
    caller_name: str = ""
    language: str | None = None
    overrides: AgentOverrides = field(default_factory=AgentOverrides)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What fills the agent's own placeholders."""


class AgentCatalogue(Protocol):
    """All agents that can be asked for, as they are now."""

    def resolve(self, request: AgentRequest) -> ResolvedAgent:
        """
        :raises NotFound: no such agent, or not this tenant's.
        :raises InvalidRequest: a language it does not speak, an override it does not allow, a
            variable it does not have or lacks.
        """
        ...

    def summaries(self, tenant_id: TenantId) -> Mapping[AgentId, AgentSummary]: ...
