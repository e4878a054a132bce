"""How does a front keep its workers? Starts them, hears their beat, replaces those that go."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bridge.errors import BridgeError, Refusal
from bridge.ids import ConnectionId
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.host import Epoch, Host, HostId
from bridge.ports.placement import Membership
from bridge.workers.life import BEAT_S, WorkerLife

_log = get_logger(__name__)

# A worker that dies at once would be started for ever: it waits so long before the next try.
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_START_S: Final = 20.0
# Each call bounds its own end; a worker that has not gone by then never will.
_CLOSE_S: Final = 15.0


class NoWorkers(BridgeError):
    """The server's workers could not be started."""


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """What a worker may be, and how it is replaced."""

    workers: int
    silence_s: float
    """Without a beat for so long it hangs, and is killed."""
    memory_bytes: int | None
    """Above, it is replaced as soon as its calls are over."""
    drain_s: float
    """How long a worker that is replaced waits for its calls."""


@dataclass(slots=True)
class FleetCounters:
    """What has become of workers since the fleet began."""

    started: int = 0
    lost: int = 0
    """Went without being asked to."""


class Fleet:
    """The workers of one front. Entering means that all of them are ready; leaving ends them.

    `launch` starts a worker's process. `lost` is told of each that died with calls, which it has
    to end in the worker's place.
    """

    def __init__(
        self,
        limits: FleetLimits,
        *,
        name: str,
        directory: Path,
        placer: Membership,
        clock: Clock,
        launch: Callable[[WorkerLife], Awaitable[None]],
        lost: Callable[[WorkerLife], Awaitable[None]],
    ) -> None:
        self._limits = limits
        self._name = name
        self._directory = directory
        self._placer = placer
        self._clock = clock
        self._launch = launch
        self._lost = lost
        self._generation = itertools.count(1)
        self.counters = FleetCounters()
        self._lives: dict[HostId, WorkerLife] = {}
        self._hosts: dict[HostId, Host] = {}
        self._tasks = asyncio.TaskGroup()
        self._keepers: list[asyncio.Task[None]] = []
        self._replace = [asyncio.Event() for _ in range(limits.workers)]

    @property
    def lives(self) -> Mapping[HostId, WorkerLife]:
        return self._lives

    @property
    def hosts(self) -> Mapping[HostId, Host]:
        """Return the hosts that can be asked, now and as they come and go."""
        return self._hosts

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        first = [asyncio.Event() for _ in range(self._limits.workers)]
        self._keepers = [
            self._tasks.create_task(self._keep(slot, ready), name=f"worker {slot}")
            for slot, ready in enumerate(first)
        ]
        try:
            async with asyncio.timeout(_START_S):
                for ready in first:
                    await ready.wait()
        except TimeoutError as late:
            await self.__aexit__()
            raise NoWorkers("the workers do not start; their log says why") from late
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._replace_nobody()
        for life in self._lives.values():
            life.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.gather(*(life.gone() for life in self._lives.values()))
        except TimeoutError:
            for life in self._lives.values():
                life.kill()
        await self._tasks.__aexit__(None, None, None)

    def carries(self, connection_id: ConnectionId) -> bool:
        return any(host.view(connection_id) is not None for host in self._hosts.values())

    def replace_all(self) -> None:
        """Replace every worker: start a new one, then let the old one finish its calls."""
        for asked in self._replace:
            asked.set()

    async def drain(self, timeout_s: float) -> None:
        """Refuse new calls everywhere, and wait until all calls are over; no worker comes after."""
        self._replace_nobody()
        async with asyncio.TaskGroup() as group:
            for life in self._lives.values():
                group.create_task(self._let_go(life, timeout_s), name=f"drain {life.host_id}")

    def _replace_nobody(self) -> None:
        for keeper in self._keepers:
            keeper.cancel()

    async def _keep(self, slot: int, first_ready: asyncio.Event) -> None:
        """Have a worker in this slot at all times."""
        pause_s = _FIRST_PAUSE_S
        before: WorkerLife | None = None
        while True:
            self._replace[slot].clear()
            life = self._new_life(slot)
            await self._launch(life)
            over = self._tasks.create_task(self._see_through(life), name=f"life {life.host_id}")
            if await self._is_ready(life, over):
                first_ready.set()
                pause_s = _FIRST_PAUSE_S
                if before is not None:
                    # Only now: until there was another, it took the calls.
                    self._tasks.create_task(
                        self._let_go(before, self._limits.drain_s), name=f"replace {before.host_id}"
                    )
                    before = None
                if await self._is_to_be_replaced(slot, life, over):
                    before = life
                    continue
            await self._clock.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _new_life(self, slot: int) -> WorkerLife:
        generation = next(self._generation)
        host_id = HostId(f"{self._name}/worker-{slot}.{generation}")
        socket = self._directory / f"worker-{slot}.{generation}"
        life = WorkerLife(host_id, Epoch(time.time_ns()), socket, self._placer, self._clock)
        self._lives[host_id] = life
        self.counters.started += 1
        return life

    async def _is_ready(self, life: WorkerLife, over: "asyncio.Task[None]") -> bool:
        """Wait for a worker's first beat; then it can be asked for calls."""
        ready = asyncio.create_task(life.ready.wait(), name=f"ready {life.host_id}")
        try:
            await asyncio.wait((ready, over), timeout=_START_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not life.ready.is_set():
            life.kill()
            return False
        _log.info("worker is ready", host_id=life.host_id, pid=life.pid)
        return True

    async def _is_to_be_replaced(
        self, slot: int, life: WorkerLife, over: "asyncio.Task[None]"
    ) -> bool:
        """Watch a worker until it is gone or asked to go; return whether it is there still."""
        silent_s = 0.0
        while not over.done():
            seen = life.beats
            # In ticks of our own: while this process stands still, nobody's silence counts.
            await self._clock.sleep(BEAT_S)
            silent_s = 0.0 if life.beats > seen else silent_s + BEAT_S
            if silent_s >= self._limits.silence_s:
                _log.error("worker hangs and is killed", host_id=life.host_id, pid=life.pid)
                life.kill()
                await asyncio.wait((over,))
            limit = self._limits.memory_bytes
            if limit is not None and life.memory_bytes > limit:
                _log.warning("worker is too large", host_id=life.host_id, bytes=life.memory_bytes)
                return True
            if self._replace[slot].is_set():
                return True
        return False

    async def _see_through(self, life: WorkerLife) -> None:
        """Make a worker's host known while it lives, and see to its calls when it is gone."""
        became_known = self._tasks.create_task(self._introduce(life), name=f"hello {life.host_id}")
        try:
            status = await life.gone()
        finally:
            became_known.cancel()
            self._hosts.pop(life.host_id, None)
        self.counters.lost += not life.is_leaving
        _log.info("worker is gone", host_id=life.host_id, status=status)
        await self._placer.retire(life.host_id)
        await self._lost(life)
        self._lives.pop(life.host_id, None)

    async def _introduce(self, life: WorkerLife) -> None:
        await life.ready.wait()
        self._hosts[life.host_id] = life.host

    async def _let_go(self, life: WorkerLife, timeout_s: float) -> None:
        try:
            await life.leave(timeout_s)
        except Refusal as gone:
            _log.warning("worker left before its time", host_id=life.host_id, reason=gone.reason)
