"""What a request changes of its agent becomes a domain value here."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from bridge.api import agent_tools, silence
from bridge.api.spans import span
from bridge.api.violations import Violations
from bridge.durations import (
    ECHO_GUARD_RANGE_S,
    GREETING_DELAY_RANGE_S,
    MIN_SPEECH_RANGE_S,
    RESUME_AFTER_RANGE_S,
)
from bridge.ports.agent import (
    AgentOverrides,
    Greeting,
    GreetingChange,
    InterruptionChange,
    NoisePolicy,
    PromptGreeting,
    SayGreeting,
    TurnsChange,
    UserFirst,
)
from bridge.ports.model_config import ManualTurns, SemanticVad, ServerVad, TurnDetection
from bridge.v1 import agent_pb2

_MAX_INSTRUCTIONS: Final = 32_768
_MAX_GREETING: Final = 4096
_PROVIDER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,63}")

_EAGERNESS: Final[Mapping[int, Literal["low", "medium", "high", "auto"]]] = {
    agent_pb2.EAGERNESS_UNSPECIFIED: "auto",
    agent_pb2.EAGERNESS_LOW: "low",
    agent_pb2.EAGERNESS_MEDIUM: "medium",
    agent_pb2.EAGERNESS_HIGH: "high",
    agent_pb2.EAGERNESS_AUTO: "auto",
}


def parse(message: agent_pb2.AgentOverrides, wrong: Violations) -> AgentOverrides:
    """Return the overrides, noting what is wrong with them."""
    return AgentOverrides(
        instructions=_words(message, "instructions", _MAX_INSTRUCTIONS, wrong),
        model=_provider_name(message, "model", wrong),
        voice=_provider_name(message, "voice", wrong),
        speed=_speed(message, wrong),
        turn_detection=(
            turns(message.turn_detection, wrong, "agent.turn_detection")
            if message.HasField("turn_detection")
            else None
        ),
        interruptible=message.interruptible if message.HasField("interruptible") else None,
        interruption=_interruption(message, wrong),
        greeting=_greeting(message, wrong),
        tools=agent_tools.parse(message.tools, wrong) if message.HasField("tools") else None,
        silence=silence.parse(message.silence, wrong) if message.HasField("silence") else None,
        noise=(
            NoisePolicy(message.noise.suppression, message.noise.gain)
            if message.HasField("noise")
            else None
        ),
    )


def _words(
    message: agent_pb2.AgentOverrides | agent_pb2.Greeting,
    name: Literal["instructions", "text", "prompt"],
    most: int,
    wrong: Violations,
    prefix: str = "agent.",
) -> str | None:
    if not message.HasField(name):  # type: ignore[arg-type]
        return None
    value: str = getattr(message, name)
    if not value.strip():
        wrong.add(f"{prefix}{name}", "must not be empty")
    if len(value) > most:
        wrong.add(f"{prefix}{name}", f"at most {most} characters")
    return value


def _provider_name(
    message: agent_pb2.AgentOverrides, name: Literal["model", "voice"], wrong: Violations
) -> str | None:
    if not message.HasField(name):
        return None
    value: str = getattr(message, name)
    check_provider_name(f"agent.{name}", value, wrong)
    return value


def check_provider_name(field: str, value: str, wrong: Violations) -> None:
    """Check a name that the model's provider has given to something."""
    if not _PROVIDER_NAME.fullmatch(value):
        wrong.add(field, 'at most 64 letters, digits, "_", "-", "." and ":"')


def _speed(message: agent_pb2.AgentOverrides, wrong: Violations) -> float | None:
    if not message.HasField("speed"):
        return None
    wrong.number("agent.speed", message.speed, 0.25, 1.5)
    return message.speed


def _detection(
    asked: agent_pb2.TurnDetection, wrong: Violations, field: str
) -> TurnDetection | None:
    match asked.WhichOneof("method"):
        case "server_vad":
            return _server_vad(asked.server_vad, wrong, f"{field}.server_vad.")
        case "semantic_vad":
            eagerness = _EAGERNESS.get(asked.semantic_vad.eagerness)
            if eagerness is None:
                wrong.add(f"{field}.semantic_vad.eagerness", "unknown value")
            return SemanticVad(eagerness or "auto")
        case "manual":
            return ManualTurns()
        case _:
            return None


def turns(asked: agent_pb2.TurnDetection, wrong: Violations, field: str) -> TurnsChange:
    """Return how turns are to be taken, noting what is wrong with it under `field`."""
    create_response = asked.create_response if asked.HasField("create_response") else None
    detection = _detection(asked, wrong, field)
    if detection is None and create_response is None:
        wrong.add(field, "a method or create_response is required")
    return TurnsChange(detection, create_response)


def _server_vad(asked: agent_pb2.ServerVad, wrong: Violations, field: str) -> ServerVad:
    vad = ServerVad()
    threshold = asked.threshold if asked.HasField("threshold") else vad.threshold
    padding_ms = (
        asked.prefix_padding_ms if asked.HasField("prefix_padding_ms") else vad.prefix_padding_ms
    )
    silence_ms = (
        asked.silence_duration_ms
        if asked.HasField("silence_duration_ms")
        else vad.silence_duration_ms
    )
    wrong.number(f"{field}threshold", threshold, 0, 1)
    wrong.number(f"{field}prefix_padding_ms", padding_ms, 0, 2000)
    wrong.number(f"{field}silence_duration_ms", silence_ms, 100, 5000)
    idle_ms = asked.idle_timeout_ms if asked.HasField("idle_timeout_ms") else None
    if idle_ms is not None:
        wrong.number(f"{field}idle_timeout_ms", idle_ms, 5000, 30_000)
    return ServerVad(threshold, padding_ms, silence_ms, idle_ms)


def _interruption(
    message: agent_pb2.AgentOverrides, wrong: Violations
) -> InterruptionChange | None:
    if not message.HasField("interruption"):
        return None
    asked, prefix = message.interruption, "agent.interruption."
    _, longest_s = RESUME_AFTER_RANGE_S
    return InterruptionChange(
        min_speech_s=span(asked, "min_speech", *MIN_SPEECH_RANGE_S, wrong, prefix=prefix),
        # The agent's rules know where the range has a hole: above 0.
        resume_after_s=span(asked, "resume_after", 0, longest_s, wrong, prefix=prefix),
        echo_guard_s=span(asked, "echo_guard", *ECHO_GUARD_RANGE_S, wrong, prefix=prefix),
    )


def _greeting(message: agent_pb2.AgentOverrides, wrong: Violations) -> GreetingChange | None:
    if not message.HasField("greeting"):
        return None
    asked, prefix = message.greeting, "agent.greeting."
    change = GreetingChange(
        greeting=_beginning(asked, wrong),
        interruptible=asked.interruptible if asked.HasField("interruptible") else None,
        guard=asked.guard if asked.HasField("guard") else None,
        delay_s=span(asked, "delay", *GREETING_DELAY_RANGE_S, wrong, prefix=prefix),
    )
    if not asked.ListFields():
        wrong.add("agent.greeting", "a way to begin, interruptible, guard or delay is required")
    return change


def _beginning(asked: agent_pb2.Greeting, wrong: Violations) -> Greeting | None:
    match asked.WhichOneof("begin"):
        case "text":
            text = _words(asked, "text", _MAX_GREETING, wrong, "agent.greeting.")
            return SayGreeting(text or "")
        case "prompt":
            prompt = _words(asked, "prompt", _MAX_GREETING, wrong, "agent.greeting.")
            return PromptGreeting(prompt or "")
        case "user_first":
            if not asked.user_first:
                wrong.add("agent.greeting.user_first", "only true is accepted")
            return UserFirst()
        case _:
            return None
