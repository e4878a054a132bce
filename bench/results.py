"""What was measured: plain values that go into the results file as they are."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.machine import Load


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
    idle_mb: float
    mb: float
    load: Load

    @property
    def has_score(self) -> bool:
        """Whether the sound was whole: everything else is worth nothing without that."""
        return self.said > 0 and self.lost == 0 and self.strange == 0


@dataclass(frozen=True, slots=True)
class Setup:
    """Calls begun one after the other."""

    system: str
    round: int
    first_create_ms: float
    """Of the process's very first call."""
    create_ms: list[float]
    create_4_at_once_ms: list[float]
    joined_ms: list[float]
    """From the begin of the caller's join until it is in the room."""
    track_ms: list[float]
    first_audio_ms: list[float]
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

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(_rounded(asdict(self)), option=orjson.OPT_INDENT_2))


def load(path: Path) -> Report:
    """Read a report back, to draw or compare it."""
    fields = orjson.loads(path.read_bytes())
    for name, kind in (("loopback", Loopback), ("setup", Setup), ("barge_in", BargeIn)):
        fields[name] = [kind(**{**each, "load": Load(**each["load"])}) for each in fields[name]]
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
