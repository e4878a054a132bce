"""Who drives a front: whoever creates calls, watches them, or watches without reading."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import grpc
import psutil

from bench.machine import pss_mb
from bench.summary import spread
from bridge.client import BridgeClient
from bridge.v1.call_service_pb2 import WatchEventsRequest
from bridge.v1.call_service_pb2_grpc import CallServiceStub

_AT_ONCE: Final = 16
_PAGE: Final = 500
_EVERY: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Creations:
    """Calls that were created, several at once."""

    calls: int
    """In all, by the end of it."""
    per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What a front did over some seconds."""

    what: str
    calls: int
    cores: float
    workers_cores: float
    mb: float
    events_per_s: float
    figures_per_s: float
    delay_p50_ms: float
    """From where an event happened, or figures were taken, to whoever watches."""
    delay_p99_ms: float


async def create(client: BridgeClient, count: int, there: int = 0) -> tuple[Creations, list[str]]:
    """Create so many calls; return how that went, and their ids."""
    waiting, took_ms, made = iter(range(count)), [], []

    async def one_after_the_other() -> None:
        for _ in waiting:
            began_s = time.monotonic()
            made.append((await client.create_room("bench", "loopback")).connection_id)
            took_ms.append(1000 * (time.monotonic() - began_s))

    began_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(one_after_the_other(), name="creates")
    seconds = time.monotonic() - began_s
    known = spread(took_ms)
    return Creations(there + count, count / seconds, known.p50, known.p99), made


@dataclass(slots=True)
class Watchers:
    """Those who read what they get, and how late it comes."""

    delays_ms: list[float] = field(default_factory=list)
    figures: int = 0

    @classmethod
    @asynccontextmanager
    async def of(cls, client: BridgeClient, calls: Sequence[str]) -> AsyncIterator["Watchers"]:
        """Watch the events of these calls, and the figures of all."""
        watchers = cls()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(watchers._events(client, call)) for call in calls]
            tasks.append(group.create_task(watchers._figures(client)))
            try:
                yield watchers
            finally:
                for task in tasks:
                    task.cancel()

    async def _events(self, client: BridgeClient, call: str) -> None:
        began = datetime.now(UTC)
        async with aclosing(client.watch(call)) as events:
            async for event in events:
                happened = event.time.ToDatetime(UTC)
                if happened > began:  # else it is told of what has been
                    self.delays_ms.append((datetime.now(UTC) - happened).total_seconds() * 1000)

    async def _figures(self, client: BridgeClient) -> None:
        async with aclosing(client.telemetry(interval=_EVERY)) as rounds:
            async for answer in rounds:
                self.figures += len(answer.samples)


@asynccontextmanager
async def slow_watchers(target: str, calls: Sequence[str]) -> AsyncIterator[None]:
    """Watch these calls and read nothing of what comes."""
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(target))
        stub = CallServiceStub(channel)
        streams = [stub.WatchEvents(WatchEventsRequest(connection_id=call)) for call in calls]
        yield
        for stream in streams:
            stream.cancel()


async def moment(
    what: str,
    front_pid: int,
    client: BridgeClient,
    calls: int,
    seconds: float,
    watchers: Watchers | None = None,
) -> Moment:
    """See what a front does for some seconds."""
    front = psutil.Process(front_pid)
    workers = front.children()
    watchers = watchers or Watchers()
    events_before = await _events_so_far(client)
    watchers.delays_ms.clear()
    watchers.figures, began_s = 0, time.monotonic()
    before = _cpu_s([front]), _cpu_s(workers)
    await asyncio.sleep(seconds)
    after, took_s = (_cpu_s([front]), _cpu_s(workers)), time.monotonic() - began_s
    figures, delays = watchers.figures, spread(watchers.delays_ms)
    cores, workers_cores = (
        (end - begin) / took_s for begin, end in zip(before, after, strict=True)
    )
    events = await _events_so_far(client) - events_before
    return Moment(
        what=what,
        calls=calls,
        cores=cores,
        workers_cores=workers_cores,
        mb=pss_mb((front_pid,)),
        events_per_s=events / (time.monotonic() - began_s),
        figures_per_s=figures / took_s,
        delay_p50_ms=delays.p50,
        delay_p99_ms=delays.p99,
    )


async def _events_so_far(client: BridgeClient) -> int:
    """Return how many events the front keeps or has kept, of all calls."""
    return sum([call.last_sequence async for call in client.list_calls(page_size=_PAGE)])


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)
