"""What was measured: plain values that go into the results file as they are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from bench.machine import Load

# Of all bursts; who loses more has no score.
MOST_LOST: Final = 0.01


@dataclass(frozen=True, slots=True)
class Loopback:
    """Some calls at once with one system, every caller saying bursts and hearing them again."""

    system: str
    round: int
    calls: int
    said: int
    lost: int
    """Bursts that never came back, or not within two seconds."""
    strange: int
    """Bursts heard by somebody who did not say them."""
    torn_ms: float
    """Holes in the sound at the callers' ears."""
    round_trip_ms: list[float]
    up_ms: list[float]
    """From the microphone to the model; with the echo bot, to the bot."""
    down_ms: list[float]
    """From there to the ear."""
    track_ms: list[float]
    """From the begin of a caller's join until the bot's track is subscribed to."""
    cores: float
    spent: dict[str, float]
    """Cores of the others: callers, LiveKit, model, harness."""
    idle_mb: float
    mb: float
    load: Load

    @property
    def has_score(self) -> bool:
        """Whether the sound was whole: everything else is worth nothing without that."""
        return self.said > 0 and self.lost <= MOST_LOST * self.said and self.strange == 0


@dataclass(frozen=True, slots=True)
class Setup:
    """Calls begun, so many at the same moment, with an agent that greets; in milliseconds."""

    system: str
    round: int
    calls: int
    created: list[float]
    """Until the call, or its room, was there to join."""
    joined: list[float]
    """From the begin of the caller's join until it is in the room."""
    track: list[float]
    """From the begin of the caller's join until the bot's track is subscribed to."""
    audio: list[float]
    """From the begin of the caller's join to the agent's first sound."""
    ready: list[float]
    """From asking for the call to the agent's first sound."""
    load: Load


@dataclass(frozen=True, slots=True)
class BargeIn:
    """One call in which the caller interrupts, again and again."""

    system: str
    round: int
    said: int
    ignored: int
    """Interruptions that did not silence the agent."""
    total_ms: list[float]
    """From the caller's first sound to silence at its ear."""
    up_ms: list[float]
    """From the caller's first sound to its arrival at the model."""
    vad_ms: list[float]
    """From there until the model knew that it was speech."""
    down_ms: list[float]
    """From there to silence at the caller's ear."""
    load: Load


@dataclass(frozen=True, slots=True)
class Turns:
    """Some calls at once with one system, every caller asking and being answered."""

    system: str
    round: int
    calls: int
    said: int
    lost: int
    """Questions without an answer."""
    torn: int
    """Answers with a hole, or with more missing than a voice detection takes off."""
    holes: int
    """Stretches of silence within answers."""
    strange: int
    """Answers to somebody else's question."""
    answer_ms: list[float]
    """From the end of a question to the first sound of its answer."""
    cores: float
    load: Load

    @property
    def has_score(self) -> bool:
        """Whether next to all was answered, whole and to whom had asked."""
        bad = self.lost + self.torn
        return self.said > 0 and bad <= MOST_LOST * self.said and self.strange == 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A system that could not be measured to its end in a round."""

    system: str
    round: int
    why: str


@dataclass(slots=True)
class Report:
    """One run of the benchmark."""

    date: str
    commit: str
    machine: dict[str, object]
    options: dict[str, object]
    loopback: list[Loopback] = field(default_factory=list)
    setup: list[Setup] = field(default_factory=list)
    barge_in: list[BargeIn] = field(default_factory=list)
    turns: list[Turns] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def rounds(self, parts: Sequence[str]) -> int:
        """Return how many rounds of these parts there are."""
        rows: dict[str, Sequence[Loopback | Setup | Turns]] = {
            "loopback": self.loopback,
            "talk": self.setup,
            "turns": self.turns,
        }
        return max((row.round + 1 for part in parts for row in rows[part]), default=0)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(_rounded(asdict(self)), option=orjson.OPT_INDENT_2))


_KINDS: Final[dict[str, type[Any]]] = {
    "loopback": Loopback,
    "setup": Setup,
    "barge_in": BargeIn,
    "turns": Turns,
}


def load(path: Path) -> Report:
    """Read a report back, to draw or compare it."""
    fields = orjson.loads(path.read_bytes())
    for name, kind in _KINDS.items():
        rows = fields.get(name, [])  # files of before it was measured have none
        fields[name] = [kind(**{**each, "load": Load(**each["load"])}) for each in rows]
    fields["failures"] = [Failure(**each) for each in fields["failures"]]
    return Report(**fields)


def _rounded(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    match value:
        case float():
            return round(value, 4)
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
        case _:
            return value
