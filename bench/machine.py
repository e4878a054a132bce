"""What do processes cost, and was the machine ours while we looked?"""

import asyncio
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

# Of what others do here: more than this shows in every latency.
_MOST_OTHERS: Final = 0.25
_QUIET_FOR_S: Final = 1.0
_QUIET_WITHIN_S: Final = 10.0

# How often a measurement that was disturbed is made, at most.
_TRIES: Final = 2

_KIB_PER_MB: Final = 1000 * 1000 / 1024


@dataclass(frozen=True, slots=True)
class Load:
    """What the machine did meanwhile, in cores."""

    ours: float
    """This harness and everything it started: callers, LiveKit, model, system."""
    others: float
    """Everybody else."""
    stolen: float
    """What the hypervisor gave to other machines."""

    @property
    def is_ours(self) -> bool:
        """Whether nobody else did enough to disturb a measurement."""
        return self.others + self.stolen <= _MOST_OTHERS


class Watch:
    """Measures CPU from its making on."""

    def __init__(self, pids: tuple[int, ...], others: Mapping[str, int] | None = None) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._others = {name: psutil.Process(pid) for name, pid in (others or {}).items()}
        self._began_s = _now_s()
        self._cpu_s = self._measured_s()
        self._others_s = {name: _cpu_s(process) for name, process in self._others.items()}
        self._ours_s, self._busy_s, self._stolen_s = _ours_s(), *_machine_s()

    def cores(self) -> float:
        """Return the CPU seconds a second of the processes watched."""
        return (self._measured_s() - self._cpu_s) / (_now_s() - self._began_s)

    def spent(self) -> dict[str, float]:
        """Return the CPU seconds a second of the other processes, by their names."""
        seconds = _now_s() - self._began_s
        return {
            name: (_cpu_s(process) - self._others_s[name]) / seconds
            for name, process in self._others.items()
        }

    def load(self) -> Load:
        """Return what the whole machine did."""
        seconds = _now_s() - self._began_s
        busy_s, stolen_s = _machine_s()
        ours = (_ours_s() - self._ours_s) / seconds
        busy = (busy_s - self._busy_s) / seconds
        return Load(ours, max(0.0, busy - ours), (stolen_s - self._stolen_s) / seconds)

    def _measured_s(self) -> float:
        return sum(_cpu_s(process) for process in self._processes)


class Patience:
    """How long a measurement waits for others, and how often it is made."""

    def __init__(self) -> None:
        self.tries = _TRIES
        self.quiet_within_s = _QUIET_WITHIN_S

    def lose(self) -> None:
        """Measure once, at once: what others did stands in the results."""
        self.tries, self.quiet_within_s = 1, 0.0


PATIENCE: Final = Patience()


async def wait_until_quiet() -> None:
    """Wait until others leave this machine alone, for a while at most."""
    deadline_s = _now_s() + PATIENCE.quiet_within_s
    while _now_s() < deadline_s:
        watch = Watch(())
        await asyncio.sleep(_QUIET_FOR_S)
        if watch.load().is_ours:
            return


def pss_mb(pids: tuple[int, ...]) -> float:
    """Return the processes' proportional share of memory."""
    return sum(_pss_kib(pid) for pid in pids) / _KIB_PER_MB


def description() -> dict[str, object]:
    """Return what the figures were measured on."""
    system = os.uname()
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        system.machine,
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "kernel": system.release,
        "python": platform.python_version(),
    }


def _pss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError(f"no PSS of process {pid}")


def _now_s() -> float:
    return time.monotonic()


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _ours_s() -> float:
    me = psutil.Process()
    return sum(_cpu_s(process) for process in (me, *me.children(recursive=True)))


def _machine_s() -> tuple[float, float]:
    times = psutil.cpu_times()
    busy_s = times.user + times.nice + times.system + times.irq + times.softirq
    return float(busy_s), float(times.steal)
