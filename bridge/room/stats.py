"""How good is the bot's connection: WebRTC's counters, added up over reconnects."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from livekit import rtc
from livekit.rtc._proto.stats_pb2 import RtcStats as RtcStat

from bridge.ports.room import NetworkStats


@dataclass(slots=True)
class _Stream:
    packets: int = 0
    packets_lost: int = 0
    byte_count: int = 0


@dataclass(slots=True)
class NetworkTotals:
    """Totals over all RTP streams there ever were: a full reconnect starts new ones from zero."""

    _received: dict[int, _Stream] = field(default_factory=dict)
    _sent: dict[int, _Stream] = field(default_factory=dict)
    _jitter_ms: float | None = None
    _round_trip_ms: float | None = None

    def update(self, session: rtc.RtcStats) -> None:
        """Take in a fresh report of the room's peer connections."""
        reports = [*session.publisher_stats, *session.subscriber_stats]
        self._take_inbound(reports)
        self._take_outbound(reports)
        self._take_remote(reports)

    @property
    def stats(self) -> NetworkStats:
        received, sent = self._received.values(), self._sent.values()
        return NetworkStats(
            packets_received=sum(s.packets for s in received),
            packets_sent=sum(s.packets for s in sent),
            packets_lost_in=sum(s.packets_lost for s in received),
            packets_lost_out=sum(s.packets_lost for s in sent),
            bytes_received=sum(s.byte_count for s in received),
            bytes_sent=sum(s.byte_count for s in sent),
            jitter_ms=self._jitter_ms,
            round_trip_ms=self._round_trip_ms,
        )

    def _take_inbound(self, reports: Iterable[RtcStat]) -> None:
        jitters = []
        for inbound in (r.inbound_rtp for r in reports if r.HasField("inbound_rtp")):
            stream = self._received.setdefault(inbound.stream.ssrc, _Stream())
            stream.packets = inbound.received.packets_received
            stream.packets_lost = inbound.received.packets_lost
            stream.byte_count = inbound.inbound.bytes_received
            jitters.append(inbound.received.jitter * 1000)
        self._jitter_ms = max(jitters, default=self._jitter_ms)

    def _take_outbound(self, reports: Iterable[RtcStat]) -> None:
        for outbound in (r.outbound_rtp for r in reports if r.HasField("outbound_rtp")):
            stream = self._sent.setdefault(outbound.stream.ssrc, _Stream())
            stream.packets = outbound.sent.packets_sent
            stream.byte_count = outbound.sent.bytes_sent

    def _take_remote(self, reports: Iterable[RtcStat]) -> None:
        """Take what LiveKit reports back about what we send: loss, and the round trip."""
        for remote in (r.remote_inbound_rtp for r in reports if r.HasField("remote_inbound_rtp")):
            stream = self._sent.setdefault(remote.stream.ssrc, _Stream())
            stream.packets_lost = remote.received.packets_lost
            if remote.remote_inbound.round_trip_time_measurements:
                self._round_trip_ms = remote.remote_inbound.round_trip_time * 1000
