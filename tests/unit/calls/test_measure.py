"""A call's figures: totals, and what two of them say of the time between."""

import asyncio

from bridge.calls.lag import LoopLag
from bridge.calls.measure import Measurement, network_between
from bridge.media.playout import PlayoutCounters
from bridge.ports.model import ModelCounters
from bridge.ports.room import NetworkStats
from tests.fakes.clock import FakeClock


def test_totals_are_taken_from_every_part_of_the_path() -> None:
    measured = Measurement(
        at_s=1.0,
        dropped_in_ms=40,
        playout=PlayoutCounters(
            received_ms=100, played_ms=60, cleared_ms=20, dropped_ms=5, stale_ms=7, underruns=2
        ),
        network=NetworkStats(
            packets_received=10, packets_sent=20, packets_lost_in=1, packets_lost_out=3
        ),
        model=ModelCounters(audio_sent_ms=500, audio_dropped_ms=60, audio_received_ms=100),
    )
    totals = measured.totals(interruptions=4, media_reconnects=1)
    assert totals.sent_ms == 500
    assert totals.dropped_in_ms == 100, "before the model's queue and in it"
    assert (totals.received_ms, totals.played_ms, totals.discarded_ms) == (100, 60, 32)
    assert (totals.underruns, totals.interruptions, totals.media_reconnects) == (2, 4, 1)
    assert (totals.packets_in, totals.packets_lost_in) == (10, 1)
    assert (totals.packets_out, totals.packets_lost_out) == (20, 3)


def test_call_without_media_has_zeros() -> None:
    totals = Measurement(at_s=0).totals(interruptions=0, media_reconnects=0)
    assert totals.sent_ms == totals.played_ms == totals.packets_in == 0


def test_packets_of_an_interval_are_differences() -> None:
    before = NetworkStats(packets_received=10, packets_sent=20, packets_lost_in=1, jitter_ms=9)
    after = NetworkStats(
        packets_received=60, packets_sent=70, packets_lost_in=2, packets_lost_out=4, jitter_ms=3
    )
    between = network_between(before, after)
    assert (between.packets_in, between.packets_out) == (50, 50)
    assert (between.packets_lost_in, between.packets_lost_out) == (1, 4)
    assert (between.jitter_ms, between.round_trip_ms) == (3, None)


def test_counters_that_began_anew_give_no_negative_packets() -> None:
    before = NetworkStats(packets_received=100, packets_sent=100)
    between = network_between(before, NetworkStats(packets_received=3))
    assert (between.packets_in, between.packets_out) == (0, 0)


async def test_lag_is_how_much_later_than_asked_a_timer_fires() -> None:
    clock = FakeClock()
    lag = LoopLag(clock)
    assert lag.worst_s() == 0.0
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lag.run())
        await clock.advance(1)
        assert lag.worst_s() == 0.0
        clock.late_s = 0.125
        await clock.advance(1)
        clock.late_s = 0.0
        await clock.advance(1)
        assert lag.worst_s() == 0.125
        await clock.advance(15)
        assert lag.worst_s() == 0.0, "only the last ten seconds count"
        task.cancel()
