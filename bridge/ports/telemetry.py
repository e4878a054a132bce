"""How a call's media is doing over an interval."""

from dataclasses import dataclass, field
from datetime import datetime

from bridge.ids import ConnectionId, TenantId
from bridge.ports.call import AgentState, CallState
from bridge.ports.money import Cost
from bridge.ports.usage import TokenCounts


@dataclass(frozen=True, slots=True)
class DirectionTelemetry:
    """One direction of audio: levels in dBFS, spans in ms of audio."""

    level_dbfs: float
    peak_dbfs: float
    audio_ms: float
    queue_ms: float
    dropped_ms: float


@dataclass(frozen=True, slots=True)
class NetworkTelemetry:
    """Packets in the interval; jitter and round trip as last known."""

    packets_in: int
    packets_out: int
    packets_lost_in: int
    packets_lost_out: int
    jitter_ms: float | None
    round_trip_ms: float | None


@dataclass(frozen=True, slots=True)
class CallTelemetry:
    """One call's media over one interval."""

    connection_id: ConnectionId
    tenant_id: TenantId
    at: datetime
    interval_s: float
    state: CallState
    agent_state: AgentState
    uplink: DirectionTelemetry
    speakers: int
    downlink: DirectionTelemetry
    underruns: int
    playout_position_ms: float
    network: NetworkTelemetry
    model_round_trip_ms: float | None
    turn_latency_ms: float | None
    first_audio_ms: float | None
    loop_lag_s: float
    """Of the process that carries the call."""
    usage: TokenCounts = field(default_factory=TokenCounts)
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class EncodedTelemetry:
    """The same as whoever watches will get it: encoded in the process that carries the call."""

    payload: bytes


Figures = CallTelemetry | EncodedTelemetry
