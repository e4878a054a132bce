"""What can go wrong in the middle of a call, and what is promised of each."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import psutil

from bridge.simulator import Faults
from tests.faults.stage import Stage, Talk

_STORE_AWAY_S: Final = 4.0

Strike = Callable[[Stage, Talk], Awaitable[None]]
"""Does it, for as long as it lasts; has mended what would disturb the next when it returns."""


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
    quick: bool = False
    """Short enough for every run of CI."""

    def __str__(self) -> str:
        return self.name


async def _until_over(talk: Talk, within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        await talk.over.wait()


# LiveKit.


async def _livekit_killed(stage: Stage, talk: Talk) -> None:
    stage.livekit.kill()
    try:
        await _until_over(talk)
    finally:
        await asyncio.to_thread(stage.livekit.start)


async def _livekit_restarted(stage: Stage, _talk: Talk) -> None:
    await asyncio.to_thread(stage.livekit.restart)


def _livekit_paused(seconds: float) -> Strike:
    async def strike(stage: Stage, _talk: Talk) -> None:
        stage.livekit.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            stage.livekit.send(signal.SIGCONT)

    return strike


# The model.


def _model(faults: Faults) -> Strike:
    async def strike(stage: Stage, _talk: Talk) -> None:
        stage.simulator.faults = faults

    return strike


def _model_lost_and(status: int, times: int | None = None) -> Strike:
    """Drop the socket; refuse the next `times` connections, or all until the call is over."""

    async def strike(stage: Stage, talk: Talk) -> None:
        strikes = None if times is None else times + 1  # the drop is one
        stage.simulator.faults = Faults(drop_after_s=0, refuse_status=status, times=strikes)
        if times is None:
            await _until_over(talk)
            stage.simulator.faults = Faults()

    return strike


async def _model_half_open(stage: Stage, _talk: Talk) -> None:
    stage.wire.drop_packets()


# Processes of ours.


def _worker_of(stage: Stage, talk: Talk) -> psutil.Process:
    for child in psutil.Process(stage.bridge.pid).children():
        if talk.created.call.host_id in child.cmdline():
            return child
    raise AssertionError("no worker has the call")


async def _worker_killed(stage: Stage, talk: Talk) -> None:
    _worker_of(stage, talk).kill()
    await _until_over(talk)


async def _worker_hangs(stage: Stage, talk: Talk) -> None:
    _worker_of(stage, talk).send_signal(signal.SIGSTOP)
    await _until_over(talk)


async def _bridge_told_to_stop(stage: Stage, talk: Talk) -> None:
    os.kill(stage.bridge.pid, signal.SIGTERM)
    await _until_over(talk)


async def _front_killed(stage: Stage, talk: Talk) -> None:
    await stage.kill_bridge()
    await _until_over(talk)


# The store.


async def _store_locked(stage: Stage, _talk: Talk) -> None:
    with closing(sqlite3.connect(stage.calls_db)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await asyncio.sleep(_STORE_AWAY_S)


async def _disk_full(stage: Stage, _talk: Talk) -> None:
    """Let no file of the bridge grow for a while, neither its store nor its log."""
    bridge = psutil.Process(stage.bridge.pid)
    before = bridge.rlimit(psutil.RLIMIT_FSIZE)
    bridge.rlimit(psutil.RLIMIT_FSIZE, (1, before[1]))
    await asyncio.sleep(_STORE_AWAY_S)
    bridge.rlimit(psutil.RLIMIT_FSIZE, before)


# Whoever watches and steers.


async def _watcher_stuck(stage: Stage, talk: Talk) -> None:
    """Open streams that nobody reads, while events are made by the hundred."""
    streams = [stage.client.watch(talk.created.connection_id) for _ in range(20)]
    for stream in streams:
        await anext(stream)
    await asyncio.sleep(3)
    for stream in streams:
        await stream.aclose()


async def _gateway_gone(stage: Stage, talk: Talk) -> None:
    """Lose the connection of whoever asked for the call, and of all that watched it."""
    async with type(stage.client)(stage.bridge.address) as gateway:
        await anext(gateway.watch(talk.created.connection_id))
    await asyncio.sleep(3)


FAULTS: Final = (
    Fault(
        "livekit-server paused for 3 s (SIGSTOP), resumed",
        _livekit_paused(3),
        None,
        silent_at_most_s=6,
    ),
    Fault("livekit-server killed", _livekit_killed, 5, "MEDIA_LOST, fault MEDIA"),
    Fault("livekit-server restarted (-9)", _livekit_restarted, 5, silent_at_most_s=8),
    Fault(
        "livekit-server paused for 12 s, resumed", _livekit_paused(12), None, silent_at_most_s=20
    ),
    Fault(
        "model: socket dropped",
        _model(Faults(drop_after_s=0, times=1)),
        1,
        silent_at_most_s=2,
        quick=True,
    ),
    Fault(
        "model: closed with 1001", _model(Faults(close_after_s=0, times=1)), 1, silent_at_most_s=2
    ),
    Fault(
        "model: stalls for 2 s",
        _model(Faults(stall_after_s=0, stall_for_s=2, times=1)),
        None,
        silent_at_most_s=4,
    ),
    Fault(
        "model: stalls for good, pongs too",
        _model(Faults(stall_after_s=0, times=1)),
        11,
        silent_at_most_s=14,
    ),
    Fault(
        "model: half-open, packets dropped", _model_half_open, 11, silent_at_most_s=14, quick=True
    ),
    Fault("model: garbage", _model(Faults(garbage_after_s=0, times=1)), None, silent_at_most_s=0.3),
    Fault(
        "model: binary garbage",
        _model(Faults(garbage_after_s=0, garbage="binary", times=1)),
        None,
        silent_at_most_s=0.3,
    ),
    Fault("model: dropped, then 500 twice", _model_lost_and(500, times=2), 1, silent_at_most_s=3),
    Fault("model: dropped, then 503", _model_lost_and(503), 1, "MODEL_LOST, fault MODEL"),
    Fault("model: dropped, then 429", _model_lost_and(429), 1, "MODEL_RATE_LIMITED, fault MODEL"),
    Fault(
        "model: dropped, then 401 (key revoked)",
        _model_lost_and(401),
        1,
        "MODEL_AUTH, fault MODEL",
    ),
    Fault(
        "worker killed (-9)", _worker_killed, 2, "WORKER_LOST, fault SERVER", workers=1, quick=True
    ),
    Fault("worker hangs (SIGSTOP)", _worker_hangs, 4, "WORKER_LOST, fault SERVER", workers=1),
    Fault(
        "server told to stop (SIGTERM)", _bridge_told_to_stop, 8, "SERVER_DRAINING, fault SERVER"
    ),
    Fault(
        "front killed (-9), its next life begins",
        _front_killed,
        20,
        "WORKER_LOST, fault SERVER",
        workers=1,
    ),
    Fault("store locked for 4 s", _store_locked, None, silent_at_most_s=0.3),
    Fault("disk full for 4 s: store and log", _disk_full, None, silent_at_most_s=0.3),
    Fault("20 watchers that read nothing", _watcher_stuck, None, silent_at_most_s=0.3, quick=True),
    Fault("gateway gone", _gateway_gone, None, silent_at_most_s=0.3),
)
