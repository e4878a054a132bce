"""What can go wrong in the middle of a call, and what is promised of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.simulator import Faults
from tests.faults import set_clock, strikes
from tests.faults.strikes import Strike


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and what must come of it."""

    name: str
    strike: Strike
    noticed_within_s: float | None
    """Watchers are told by then; None: they are told nothing, because nothing is wrong."""
    ends: str = ""
    """Why the call ends, and whose fault that is; empty: it goes on."""
    silent_at_most_s: float = 0.0
    """Where it goes on."""
    workers: int = 0
    environment: Callable[[Path], Mapping[str, str]] = lambda _: {}
    """What the bridge with this log is told for it."""
    is_possible: Callable[[], bool] = lambda: True
    """On this machine."""
    quick: bool = False
    """Short enough for every run of CI."""

    def __str__(self) -> str:
        return self.name


FAULTS: Final = (
    Fault(
        "livekit-server paused for 3 s (SIGSTOP), resumed",
        strikes.livekit_paused(3),
        None,
        silent_at_most_s=6,
    ),
    Fault("livekit-server killed", strikes.livekit_killed, 5, "MEDIA_LOST, fault MEDIA"),
    Fault("livekit-server restarted (-9)", strikes.livekit_restarted, 5, silent_at_most_s=8),
    Fault(
        "livekit-server paused for 12 s, resumed",
        strikes.livekit_paused(12),
        None,
        silent_at_most_s=20,
    ),
    Fault(
        "model: socket dropped",
        strikes.model(Faults(drop_after_s=0, times=1)),
        1,
        silent_at_most_s=2,
        quick=True,
    ),
    Fault(
        "model: closed with 1001",
        strikes.model(Faults(close_after_s=0, times=1)),
        1,
        silent_at_most_s=2,
    ),
    Fault(
        "model: stalls for 2 s",
        strikes.model(Faults(stall_after_s=0, stall_for_s=2, times=1)),
        None,
        silent_at_most_s=4,
    ),
    Fault(
        "model: stalls for good, pongs too",
        strikes.model(Faults(stall_after_s=0, times=1)),
        11,
        silent_at_most_s=14,
    ),
    Fault(
        "model: half-open, packets dropped",
        strikes.model_half_open,
        11,
        silent_at_most_s=14,
        quick=True,
    ),
    Fault(
        "model: garbage",
        strikes.model(Faults(garbage_after_s=0, times=1)),
        None,
        silent_at_most_s=0.3,
    ),
    Fault(
        "model: binary garbage",
        strikes.model(Faults(garbage_after_s=0, garbage="binary", times=1)),
        None,
        silent_at_most_s=0.3,
    ),
    Fault(
        "model: dropped, then 500 twice",
        strikes.model_lost_and(500, times=2),
        1,
        silent_at_most_s=3,
    ),
    Fault("model: dropped, then 503", strikes.model_lost_and(503), 1, "MODEL_LOST, fault MODEL"),
    Fault(
        "model: dropped, then 429",
        strikes.model_lost_and(429),
        1,
        "MODEL_RATE_LIMITED, fault MODEL",
    ),
    Fault(
        "model: dropped, then 401 (key revoked)",
        strikes.model_lost_and(401),
        1,
        "MODEL_AUTH, fault MODEL",
    ),
    Fault(
        "worker killed (-9)",
        strikes.worker_killed,
        2,
        "WORKER_LOST, fault SERVER",
        workers=1,
        quick=True,
    ),
    Fault(
        "worker hangs (SIGSTOP)", strikes.worker_hangs, 4, "WORKER_LOST, fault SERVER", workers=1
    ),
    Fault(
        "server told to stop (SIGTERM)",
        strikes.bridge_told_to_stop,
        8,
        "SERVER_DRAINING, fault SERVER",
    ),
    Fault(
        "front killed (-9), its next life begins",
        strikes.front_killed,
        20,
        "WORKER_LOST, fault SERVER",
        workers=1,
    ),
    Fault("store locked for 4 s", strikes.store_locked, None, silent_at_most_s=0.3),
    Fault("disk full for 4 s: store and log", strikes.disk_full, None, silent_at_most_s=0.3),
    Fault(
        "store read-only for 4 s",
        strikes.store_read_only,
        None,
        silent_at_most_s=0.3,
        is_possible=strikes.may_change_attributes,
    ),
    *(
        Fault(
            f"wall clock set an hour {whither}",
            strikes.clock_set(seconds),
            None,
            silent_at_most_s=0.3,
            environment=set_clock.environment,
        )
        for whither, seconds in (
            ("ahead, and back", strikes.HOUR_S),
            ("back, and forward", -strikes.HOUR_S),
        )
    ),
    Fault(
        "LiveKit's webhook an hour old, and one sent twice",
        strikes.webhook_stale_and_twice,
        None,
        silent_at_most_s=0.3,
    ),
    Fault("a watcher that is slow", strikes.watcher_slow, None, silent_at_most_s=0.3),
    Fault(
        "20 watchers that read nothing",
        strikes.watcher_stuck,
        None,
        silent_at_most_s=0.3,
        quick=True,
    ),
    Fault("gateway gone", strikes.gateway_gone, None, silent_at_most_s=0.3),
)
