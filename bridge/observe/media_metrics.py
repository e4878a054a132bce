"""What do calls' media say in numbers: what waits, what was lost, how far away the others are?

Samples tell while a call goes on. What they miss, behind the last one, is added from its report.
"""

from dataclasses import astuple, dataclass
from typing import Self

from bridge.messages.times import seconds
from bridge.observe.metrics import Metrics
from bridge.v1 import report_pb2, telemetry_pb2


@dataclass(frozen=True, slots=True)
class MediaAmounts:
    """What adds up in the course of a call."""

    dropped_s: float = 0.0
    discarded_s: float = 0.0
    received_s: float = 0.0
    underruns: float = 0.0
    packets_in: float = 0.0
    packets_out: float = 0.0
    packets_lost_in: float = 0.0
    packets_lost_out: float = 0.0

    @classmethod
    def of_sample(cls, sample: telemetry_pb2.CallTelemetry) -> Self:
        network = sample.network
        return cls(
            dropped_s=sample.uplink.dropped_ms / 1000,
            discarded_s=sample.downlink.dropped_ms / 1000,
            received_s=sample.downlink.audio_ms / 1000,
            underruns=sample.downlink.underruns,
            packets_in=network.packets_in,
            packets_out=network.packets_out,
            packets_lost_in=network.packets_lost_in,
            packets_lost_out=network.packets_lost_out,
        )

    @classmethod
    def of_report(cls, media: report_pb2.MediaTotals) -> Self:
        return cls(
            dropped_s=seconds(media.dropped_in),
            discarded_s=seconds(media.discarded_out),
            received_s=seconds(media.audio_out),
            underruns=media.underruns,
            packets_in=media.packets_in,
            packets_out=media.packets_out,
            packets_lost_in=media.packets_lost_in,
            packets_lost_out=media.packets_lost_out,
        )

    def plus(self, other: Self) -> "MediaAmounts":
        return MediaAmounts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def beyond(self, other: Self) -> "MediaAmounts":
        """Return by how much it exceeds the other; a counter never goes back."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return MediaAmounts(*(max(0.0, a - b) for a, b in pairs))


class MediaMetrics:
    """Counts what calls' media tell."""

    def __init__(self, metrics: Metrics) -> None:
        # In the order of the fields above.
        self._counters = (
            metrics.audio_dropped,
            metrics.audio_discarded,
            metrics.audio_received,
            metrics.underruns,
            metrics.packets.labels("in"),
            metrics.packets.labels("out"),
            metrics.packets_lost.labels("in"),
            metrics.packets_lost.labels("out"),
        )
        # Nobody sees a counter rise that begins at one.
        self._waiting_in = metrics.audio_queue.labels("in")
        self._waiting_out = metrics.audio_queue.labels("out")
        self._to_model = metrics.round_trip.labels("model")
        self._to_livekit = metrics.round_trip.labels("media")
        self._jitter = metrics.jitter

    def add(self, amounts: MediaAmounts) -> None:
        for counter, amount in zip(self._counters, astuple(amounts), strict=True):
            counter.inc(amount)

    def sample(self, sample: telemetry_pb2.CallTelemetry) -> None:
        """Take in how things stand in a call."""
        network = sample.network
        self._waiting_in.observe(sample.uplink.queue_ms / 1000)
        self._waiting_out.observe(sample.downlink.queue_ms / 1000)
        if sample.model.HasField("round_trip_ms"):
            self._to_model.observe(sample.model.round_trip_ms / 1000)
        if network.HasField("round_trip_ms"):
            self._to_livekit.observe(network.round_trip_ms / 1000)
        if network.HasField("jitter_ms"):
            self._jitter.observe(network.jitter_ms / 1000)
