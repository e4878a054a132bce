"""How is each fault done, in the middle of a call?"""

import asyncio
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
import psutil
import pytest
from livekit import api

from bridge.room.webhooks import PATH
from bridge.simulator import Faults
from tests import livekit_webhooks
from tests.faults import set_clock
from tests.faults.stage import Stage, Talk

_STORE_AWAY_S: Final = 4.0
_CLOCK_OFF_S: Final = 3.0
HOUR_S: Final = 3600.0
# No call here lasts as long, and no clock here is as wrong by itself.
_MINUTE_S: Final = 60.0

Strike = Callable[[Stage, Talk], Awaitable[None]]
"""Does it, for as long as it lasts; has mended what would disturb the next when it returns."""


async def _until_over(talk: Talk, within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        await talk.over.wait()


# LiveKit.


async def livekit_killed(stage: Stage, talk: Talk) -> None:
    stage.livekit.kill()
    try:
        await _until_over(talk)
    finally:
        await asyncio.to_thread(stage.livekit.start)


async def livekit_restarted(stage: Stage, _talk: Talk) -> None:
    await asyncio.to_thread(stage.livekit.restart)


def livekit_paused(seconds: float) -> Strike:
    async def strike(stage: Stage, _talk: Talk) -> None:
        stage.livekit.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            stage.livekit.send(signal.SIGCONT)

    return strike


# LiveKit's webhooks.


async def webhook_stale_and_twice(stage: Stage, talk: Talk) -> None:
    """Tell of the room's end, which has not come: once long ago, then now, then the same again."""
    now_s = int(time.time())
    news = [_room_finished(stage, talk, at_s) for at_s in (now_s - int(HOUR_S), now_s)]
    url = f"http://{stage.lives['MEDIABRIDGE_LIVEKIT_WEBHOOK_LISTEN']}{PATH}"
    statuses = []
    async with aiohttp.ClientSession() as livekit:
        for headers, body in (*news, news[-1]):
            async with livekit.post(url, data=body, headers=headers) as answer:
                statuses.append(answer.status)
    assert statuses == [HTTPStatus.UNAUTHORIZED, HTTPStatus.OK, HTTPStatus.CONFLICT]
    await asyncio.sleep(3)


def _room_finished(stage: Stage, talk: Talk, at_s: int) -> tuple[dict[str, str], str]:
    room = api.Room(name=talk.created.room_name)
    event = api.WebhookEvent(event="room_finished", id=f"EV_{at_s}", created_at=at_s, room=room)
    body = livekit_webhooks.body_of(event)
    signed = livekit_webhooks.token(body, stage.livekit.api_secret, stage.livekit.api_key)
    return {"Authorization": f"Bearer {signed}"}, body


# The model.


def model(faults: Faults) -> Strike:
    async def strike(stage: Stage, _talk: Talk) -> None:
        stage.simulator.faults = faults

    return strike


def model_lost_and(status: int, times: int | None = None) -> Strike:
    """Drop the socket; refuse the next `times` connections, or all until the call is over."""

    async def strike(stage: Stage, talk: Talk) -> None:
        strikes = None if times is None else times + 1  # the drop is one
        stage.simulator.faults = Faults(drop_after_s=0, refuse_status=status, times=strikes)
        if times is None:
            await _until_over(talk)
            stage.simulator.faults = Faults()

    return strike


async def model_half_open(stage: Stage, _talk: Talk) -> None:
    stage.wire.drop_packets()


# Processes of ours.


def _worker_of(stage: Stage, talk: Talk) -> psutil.Process:
    for child in psutil.Process(stage.bridge.pid).children():
        if talk.created.call.host_id in child.cmdline():
            return child
    raise AssertionError("no worker has the call")


async def worker_killed(stage: Stage, talk: Talk) -> None:
    _worker_of(stage, talk).kill()
    await _until_over(talk)


async def worker_hangs(stage: Stage, talk: Talk) -> None:
    _worker_of(stage, talk).send_signal(signal.SIGSTOP)
    await _until_over(talk)


async def bridge_told_to_stop(stage: Stage, talk: Talk) -> None:
    os.kill(stage.bridge.pid, signal.SIGTERM)
    await _until_over(talk)


async def front_killed(stage: Stage, talk: Talk) -> None:
    await stage.kill_bridge()
    await _until_over(talk)


# The store.


async def store_locked(stage: Stage, _talk: Talk) -> None:
    with closing(sqlite3.connect(stage.calls_db)) as other:
        other.execute("BEGIN EXCLUSIVE")
        await asyncio.sleep(_STORE_AWAY_S)


async def disk_full(stage: Stage, _talk: Talk) -> None:
    """Let no file of the bridge grow for a while, neither its store nor its log."""
    bridge = psutil.Process(stage.bridge.pid)
    before = bridge.rlimit(psutil.RLIMIT_FSIZE)
    bridge.rlimit(psutil.RLIMIT_FSIZE, (1, before[1]))
    await asyncio.sleep(_STORE_AWAY_S)
    bridge.rlimit(psutil.RLIMIT_FSIZE, before)


async def store_read_only(stage: Stage, _talk: Talk) -> None:
    files = sorted(stage.calls_db.parent.glob("calls.db*"))
    await _attribute("+i", files)
    try:
        with pytest.raises(PermissionError):
            stage.calls_db.open("ab").close()
        await asyncio.sleep(_STORE_AWAY_S)
    finally:
        await _attribute("-i", files)


async def _attribute(change: str, files: Sequence[Path]) -> None:
    chattr = await asyncio.create_subprocess_exec("chattr", change, *map(str, files))
    assert await chattr.wait() == 0


def may_change_attributes() -> bool:
    return os.geteuid() == 0 and shutil.which("chattr") is not None


# The clock.


def clock_set(seconds: float) -> Strike:
    """Set the bridge's wall clock, and back again."""

    async def strike(stage: Stage, talk: Talk) -> None:
        set_clock.set_by(stage.log, seconds)
        try:
            told = (await stage.client.stats()).timestamp
            assert abs(told.ToSeconds() - time.time() - seconds) < _MINUTE_S, "it is not set"
            await asyncio.sleep(_CLOCK_OFF_S)
            report = await stage.client.report(talk.created.connection_id)
        finally:
            set_clock.set_by(stage.log, 0)
        assert report.call.active_duration.ToTimedelta().total_seconds() < _MINUTE_S

    return strike


# Whoever watches and steers.


async def watcher_stuck(stage: Stage, talk: Talk) -> None:
    """Open streams that nobody reads, while events are made by the hundred."""
    streams = [stage.client.watch(talk.created.connection_id) for _ in range(20)]
    for stream in streams:
        await anext(stream)
    await asyncio.sleep(3)
    for stream in streams:
        await stream.aclose()


async def watcher_slow(stage: Stage, talk: Talk) -> None:
    """Watch the call from its beginning, and take each event a while after the one before."""
    stream = stage.client.watch(talk.created.connection_id)
    sequences = []
    for _ in range(10):
        sequences.append((await anext(stream)).sequence)
        await asyncio.sleep(0.3)
    await stream.aclose()
    assert sequences == list(range(1, len(sequences) + 1))


async def gateway_gone(stage: Stage, talk: Talk) -> None:
    """Lose the connection of whoever asked for the call, and of all that watched it."""
    async with type(stage.client)(stage.bridge.address) as gateway:
        await anext(gateway.watch(talk.created.connection_id))
    await asyncio.sleep(3)
