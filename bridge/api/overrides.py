"""What a request changes of its agent becomes a domain value here."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from bridge.api import agent_tools
from bridge.api.violations import Violations
from bridge.ports.agent import (
    AgentOverrides,
    Greeting,
    NoisePolicy,
    PromptGreeting,
    SayGreeting,
    UserFirst,
)
from bridge.ports.model import SemanticVad, ServerVad, TurnDetection
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
            turn_detection(message.turn_detection, wrong, "agent.turn_detection")
            if message.HasField("turn_detection")
            else None
        ),
        interruptible=message.interruptible if message.HasField("interruptible") else None,
        greeting=_greeting(message.greeting, wrong) if message.HasField("greeting") else None,
        tools=agent_tools.parse(message.tools, wrong) if message.HasField("tools") else None,
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


def turn_detection(
    asked: agent_pb2.TurnDetection, wrong: Violations, field: str
) -> TurnDetection | None:
    """Return how turns are to be found, noting what is wrong with it under `field`."""
    match asked.WhichOneof("method"):
        case "server_vad":
            return _server_vad(asked.server_vad, wrong, f"{field}.server_vad.")
        case "semantic_vad":
            eagerness = _EAGERNESS.get(asked.semantic_vad.eagerness)
            if eagerness is None:
                wrong.add(f"{field}.semantic_vad.eagerness", "unknown value")
            return SemanticVad(eagerness or "auto")
        case _:
            wrong.add(field, "one method is required")
            return None


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
    return ServerVad(threshold, padding_ms, silence_ms)


def _greeting(message: agent_pb2.Greeting, wrong: Violations) -> Greeting | None:
    match message.WhichOneof("begin"):
        case "text":
            text = _words(message, "text", _MAX_GREETING, wrong, "agent.greeting.")
            return SayGreeting(text or "")
        case "prompt":
            prompt = _words(message, "prompt", _MAX_GREETING, wrong, "agent.greeting.")
            return PromptGreeting(prompt or "")
        case "user_first":
            if not message.user_first:
                wrong.add("agent.greeting.user_first", "only true is accepted")
            return UserFirst()
        case _:
            wrong.add("agent.greeting", "one way to begin is required")
            return None
