"""A call's media in figures: totals at one moment, and what two moments say of the time between."""

from dataclasses import dataclass, field

from bridge.media.level import Level
from bridge.media.playout import PlayoutCounters
from bridge.ports.model import ModelCounters
from bridge.ports.report import MediaTotals
from bridge.ports.room import NetworkStats
from bridge.ports.telemetry import NetworkTelemetry


@dataclass(frozen=True, slots=True)
class Measurement:
    """Totals since the call began."""

    at_s: float
    heard: Level = field(default_factory=Level)
    heard_ms: float = 0.0
    dropped_in_ms: float = 0.0
    spoken: Level = field(default_factory=Level)
    playout: PlayoutCounters = field(default_factory=PlayoutCounters)
    network: NetworkStats = field(default_factory=NetworkStats)
    model: ModelCounters = field(default_factory=ModelCounters)

    @property
    def lost_in_ms(self) -> float:
        """Return what the callers said and the model never got."""
        return self.dropped_in_ms + self.model.audio_dropped_ms

    @property
    def unplayed_ms(self) -> float:
        """Return what the model said and nobody will hear."""
        return self.playout.cleared_ms + self.playout.dropped_ms + self.playout.stale_ms

    def totals(self, *, interruptions: int, media_reconnects: int) -> MediaTotals:
        return MediaTotals(
            sent_ms=self.model.audio_sent_ms,
            dropped_in_ms=self.lost_in_ms,
            received_ms=self.model.audio_received_ms,
            played_ms=self.playout.played_ms,
            discarded_ms=self.unplayed_ms,
            underruns=self.playout.underruns,
            interruptions=interruptions,
            media_reconnects=media_reconnects,
            packets_in=self.network.packets_received,
            packets_lost_in=self.network.packets_lost_in,
            packets_out=self.network.packets_sent,
            packets_lost_out=self.network.packets_lost_out,
        )


def network_between(before: NetworkStats, after: NetworkStats) -> NetworkTelemetry:
    """Return the packets of the time between; never negative, also where a counter began anew."""
    return NetworkTelemetry(
        packets_in=max(0, after.packets_received - before.packets_received),
        packets_out=max(0, after.packets_sent - before.packets_sent),
        packets_lost_in=max(0, after.packets_lost_in - before.packets_lost_in),
        packets_lost_out=max(0, after.packets_lost_out - before.packets_lost_out),
        jitter_ms=after.jitter_ms,
        round_trip_ms=after.round_trip_ms,
    )
