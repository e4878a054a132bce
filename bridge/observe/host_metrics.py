"""What do processes that carry calls say in numbers: slots, lag, load, how they come and go?"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bridge.observe.metrics import Metrics
from bridge.ports.host import HostId, HostStatus

FRONT: Final = "front"

_WORKER: Final = re.compile(r"(worker-\d+)\.\d+")


@dataclass(frozen=True, slots=True)
class Process:
    """A process that carries calls, as it was heard of last."""

    host_id: HostId
    status: HostStatus
    load: float | None = None
    """Of its main thread, the share that was busy, 0 to 1; None: not told."""
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """Workers since the server started."""

    started: int = 0
    lost: int = 0


class HostMetrics:
    """Says how processes are, whenever somebody asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._told = Fleet()

    def refresh(self, processes: Iterable[Process], fleet: Fleet, front_lag_s: float) -> None:
        """Replace what was said of processes: some may be gone."""
        metrics = self._metrics
        for gauge in (
            *(metrics.slots, metrics.slots_free, metrics.draining),
            *(metrics.loop_lag, metrics.worker_load, metrics.worker_memory),
        ):
            gauge.clear()
        metrics.loop_lag.labels(FRONT).set(front_lag_s)
        for process in processes:
            self._say(process)
        metrics.worker_starts.inc(fleet.started - self._told.started)
        metrics.worker_losses.inc(fleet.lost - self._told.lost)
        self._told = fleet

    def _say(self, process: Process) -> None:
        """Add to what is said of its place: two share one while a worker replaces another."""
        metrics, status = self._metrics, process.status
        name = _place(process.host_id)
        metrics.slots.labels(name).inc(status.slots_total)
        metrics.slots_free.labels(name).inc(status.slots_free)
        metrics.draining.labels(name).inc(status.draining)
        if name != FRONT:
            metrics.loop_lag.labels(name).inc(status.loop_lag_s)
        if process.load is not None:
            metrics.worker_load.labels(name).inc(process.load)
        if process.memory_bytes is not None:
            metrics.worker_memory.labels(name).inc(process.memory_bytes)


def _place(host_id: HostId) -> str:
    """Return which process it is, the same for all lives of a worker."""
    found = _WORKER.fullmatch(host_id.rpartition("/")[2])
    return found[1] if found else FRONT
