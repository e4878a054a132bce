"""How does an agent take turns in one call, and which of its options exclude each other?"""

from dataclasses import dataclass
from typing import TypeVar

from bridge.agents.schema import AgentFile
from bridge.agents.turn_parts import detection_of
from bridge.ports.agent import AgentOverrides, InterruptionChange, InterruptionRules, TurnsChange
from bridge.ports.model_config import ManualTurns, ServerVad, TurnDetection

_T = TypeVar("_T", bool, float)


@dataclass(frozen=True, slots=True)
class Turns:
    """What an agent and a call have agreed on."""

    detection: TurnDetection
    create_response: bool
    interruptible: bool
    rules: InterruptionRules
    transcribed: bool


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that means nothing beside another one."""

    path: tuple[str, ...]
    problem: str


def turns_of(agent: AgentFile, changes: AgentOverrides | None = None) -> Turns:
    """Return an agent's turns, with what a call changes of them."""
    changes = changes or AgentOverrides()
    detection = changes.turn_detection or TurnsChange()
    rules = changes.interruption or InterruptionChange()
    own = agent.interruption
    return Turns(
        detection=detection.detection or detection_of(agent.turn_detection),
        create_response=_either(detection.create_response, agent.turn_detection.create_response),
        interruptible=_either(changes.interruptible, agent.interruptible),
        rules=InterruptionRules(
            min_speech_s=_either(rules.min_speech_s, own.min_speech),
            resume_after_s=_either(rules.resume_after_s, own.resume_after),
            echo_guard_s=_either(rules.echo_guard_s, own.echo_guard),
        ),
        transcribed=agent.transcription is not None,
    )


def clashes(turns: Turns) -> list[Clash]:
    """Return what would have no effect."""
    found: list[Clash] = []
    rules = [
        name
        for name, seconds in (
            ("min_speech", turns.rules.min_speech_s),
            ("resume_after", turns.rules.resume_after_s),
        )
        if seconds
    ]
    if turns.rules.resume_after_s and not turns.transcribed:
        found.append(
            Clash(
                ("interruption", "resume_after"),
                "needs transcription: nobody would know whether words were spoken",
            )
        )
    if isinstance(turns.detection, ManualTurns):
        found += [
            Clash(("interruption", name), "has no effect where turns are manual") for name in rules
        ]
    idle = isinstance(turns.detection, ServerVad) and turns.detection.idle_timeout_ms
    if idle and (rules or not turns.interruptible):
        found.append(
            Clash(
                ("turn_detection",),
                "idle_timeout_ms has no effect with interruptible: false, min_speech or "
                "resume_after: the model then leaves it to the bridge when to speak",
            )
        )
    return found


def _either(change: _T | None, own: _T) -> _T:
    return own if change is None else change
