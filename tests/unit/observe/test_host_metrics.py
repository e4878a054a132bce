"""What is said of the processes that carry calls."""

from dataclasses import replace

from bridge.observe.host_metrics import Fleet, HostMetrics, Process
from bridge.observe.metrics import Metrics
from bridge.ports.host import HostId, HostStatus
from tests.fakes.clock import FakeClock
from tests.unit.observe.readings import readings

STATUS = HostStatus(
    slots_total=4,
    slots_free=3,
    draining=False,
    started_at=FakeClock().now(),
    calls_created=0,
    calls_refused=0,
    calls_ended={},
    loop_lag_s=0.02,
)


def worker(place: int, generation: int, status: HostStatus = STATUS) -> Process:
    return Process(HostId(f"h.1/worker-{place}.{generation}"), status, 0.25, 1000)


def test_a_server_that_carries_calls_itself_is_the_front() -> None:
    metrics = Metrics("1")
    HostMetrics(metrics).refresh([Process(HostId("h.1"), STATUS)], Fleet(), 0.5)
    read = readings(metrics)
    assert read['slots{process="front"}'] == 4
    assert read['slots_free{process="front"}'] == 3
    assert read['event_loop_lag_seconds{process="front"}'] == 0.5
    assert not [name for name in read if name.startswith("worker_load_ratio")]


def test_a_worker_s_lives_share_one_series_however_often_it_is_replaced() -> None:
    metrics = Metrics("1")
    hosts = HostMetrics(metrics)
    leaving = replace(STATUS, draining=True, slots_free=0)
    hosts.refresh([worker(0, 1, leaving), worker(0, 7), worker(1, 2)], Fleet(3, 0), 0.0)
    read = readings(metrics)
    assert read['slots_free{process="worker-0"}'] == 3
    assert read['draining{process="worker-0"}'] == 1
    assert read['worker_resident_memory_bytes{process="worker-0"}'] == 2000
    assert read['worker_load_ratio{process="worker-1"}'] == 0.25
    assert len([name for name in read if name.startswith("slots{")]) == 2


def test_a_worker_that_is_gone_is_not_said_to_be_there() -> None:
    metrics = Metrics("1")
    hosts = HostMetrics(metrics)
    hosts.refresh([worker(0, 1), worker(1, 2)], Fleet(2, 0), 0.0)
    hosts.refresh([worker(1, 2)], Fleet(3, 1), 0.0)
    read = readings(metrics)
    assert 'slots{process="worker-0"}' not in read
    assert (read["worker_starts_total"], read["worker_losses_total"]) == (3, 1)
