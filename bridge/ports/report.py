"""How a call went: its turns, its latencies, its totals."""

from dataclasses import dataclass, field
from datetime import datetime

from bridge.ports.call import CallView
from bridge.ports.money import Cost
from bridge.ports.recording import Recorded
from bridge.ports.tool import ToolUse
from bridge.ports.usage import TokenCounts


@dataclass(frozen=True, slots=True)
class SetupTimes:
    """Seconds from CreateRoom to each stage of the start; None: not reached."""

    room_s: float | None = None
    media_s: float | None = None
    model_s: float | None = None
    join_s: float | None = None
    first_agent_audio_s: float | None = None


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """From the caller's last sound to the first of the answer that was heard, by where it went."""

    endpointing_s: float
    """Until it was decided that the turn was over, and was to be answered."""
    model_s: float
    """Until the model's first sound: tools that it called before included."""
    transport_s: float
    """On the way to the model and back, by the round trip of a ping."""
    playout_s: float
    """From the model's first sound here until that left for the room."""

    @property
    def total_s(self) -> float:
        return self.endpointing_s + self.model_s + self.transport_s + self.playout_s


@dataclass(frozen=True, slots=True)
class Turn:
    """What the caller said and what the agent answered: spoken words, never to be logged."""

    index: int
    started_at: datetime
    user_text: str = field(default="", repr=False)
    agent_text: str = field(default="", repr=False)
    agent_heard_ms: float = 0.0
    interrupted: bool = False
    latency: TurnLatency | None = None
    """None: no answer was heard, or the agent spoke first."""
    tokens: TokenCounts = field(default_factory=TokenCounts)
    tools: tuple[ToolUse, ...] = ()
    """Called in this turn and finished since."""
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """A distribution, in seconds."""

    count: int
    min_s: float
    p50_s: float
    p90_s: float
    p95_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class MediaTotals:
    """The media path over the whole call; ms are of audio."""

    sent_ms: float = 0.0
    dropped_in_ms: float = 0.0
    received_ms: float = 0.0
    played_ms: float = 0.0
    discarded_ms: float = 0.0
    underruns: int = 0
    interruptions: int = 0
    media_reconnects: int = 0
    packets_in: int = 0
    packets_lost_in: int = 0
    packets_out: int = 0
    packets_lost_out: int = 0


@dataclass(frozen=True, slots=True)
class ToolTotals:
    """Calls of tools that are over, by what became of them."""

    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that went wrong and that the call survived."""

    at: datetime
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CallReport:
    """A call from its creation to its end, or until now."""

    view: CallView
    complete: bool
    setup: SetupTimes
    turns: tuple[Turn, ...]
    turn_latency: LatencySummary | None
    user_talk_s: float
    media: MediaTotals
    incidents: tuple[Incident, ...]
    tools: ToolTotals = field(default_factory=ToolTotals)
    recordings: tuple[Recorded, ...] = ()
