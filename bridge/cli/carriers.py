"""Who carries a server's calls: the server's own process, or workers of its own."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NoReturn, Protocol

from bridge.calls.front.bereaved import Bereaved
from bridge.cli.launching import environment, launching
from bridge.ids import ConnectionId
from bridge.logs import get_logger
from bridge.ports.budget import SpendingSink
from bridge.ports.call import Ending, EndReason
from bridge.ports.clock import Clock
from bridge.ports.host import Epoch, Host, HostId
from bridge.ports.model import ModelKeys
from bridge.ports.placement import Directory, Membership
from bridge.ports.room import RoomService
from bridge.ports.store import EventRecords, Store
from bridge.ports.tool import ToolExecutors
from bridge.settings import Settings
from bridge.workers.fleet import Fleet, FleetLimits
from bridge.workers.front_service import FrontService
from bridge.workers.life import WorkerLife
from bridge.workers.placer import LEASE_S, MemoryPlacer
from bridge.workers.v1 import workers_service_pb2_grpc
from bridge.workers.wire import serving

_log = get_logger(__name__)

# Several heartbeats fit into a lease: one that comes late does no harm.
_HEARTBEAT_S: Final = LEASE_S / 5
_MB: Final = 1024 * 1024


class Carried(Protocol):
    """All calls of this server, wherever they are carried."""

    def carries(self, connection_id: ConnectionId) -> bool: ...

    async def drain(self, timeout_s: float) -> None: ...


class CarryingHost(Host, Carried, Protocol):
    """One host that carries them all."""


@dataclass(frozen=True, slots=True)
class Carriers:
    """The hosts that carry calls, as they come and go."""

    hosts: Mapping[HostId, Host]
    calls: Carried
    replace: Callable[[], None]
    """Put new processes in the place of those that carry calls, without dropping one."""
    fleet: Fleet | None = None
    """The workers; None where this process carries calls itself."""


@dataclass(frozen=True, slots=True)
class Front:
    """What workers need of the process that they work for."""

    directory: Directory
    events: EventRecords
    store: Store
    placer: MemoryPlacer
    tools: ToolExecutors
    spending: SpendingSink
    keys: ModelKeys
    rooms: RoomService
    clock: Clock


@asynccontextmanager
async def in_this_process(
    settings: Settings, carrying: AbstractAsyncContextManager[CarryingHost], placer: Membership
) -> AsyncIterator[Carriers]:
    """Let the server's own process carry calls."""
    host_id = HostId(settings.host_id)
    # Time itself is the epoch: a later life of this host has a higher one.
    epoch = Epoch(time.time_ns())
    await placer.heartbeat(host_id, epoch, settings.slots)
    async with asyncio.TaskGroup() as group, carrying as host:
        beat = group.create_task(_beat(placer, host_id, epoch, settings.slots), name="heartbeat")
        yield Carriers({host_id: host}, host, _nothing_to_replace)
        beat.cancel()


@asynccontextmanager
async def with_workers(settings: Settings, front: Front) -> AsyncIterator[Carriers]:
    """Let workers carry calls; all of them are ready on entering."""
    bereaved = Bereaved(
        events=front.events,
        directory=front.directory,
        store=front.store,
        rooms=front.rooms,
        clock=front.clock,
    )

    async def end_calls_of(life: WorkerLife) -> None:
        ending = Ending(EndReason.WORKER_LOST, f"worker {life.host_id} is gone")
        for placed in await front.directory.carried_by(life.host_id):
            connection_id = placed.view.connection_id
            # The directory does not know of every detail.
            newest = replace(placed, view=life.host.told(connection_id) or placed.view)
            await bereaved.end(newest, life.host.draft(connection_id), ending)

    # Only this user can enter it: whoever reaches these sockets can do everything.
    with tempfile.TemporaryDirectory(prefix="mediabridge-") as name:
        directory = Path(name)
        socket = directory / "front"

        async def launch(life: WorkerLife) -> None:
            command = launching(life.host_id, life.epoch, life.socket, socket)
            await life.start(command, environment(settings))

        fleet = Fleet(
            _limits(settings),
            name=settings.host_id,
            directory=directory,
            placer=front.placer,
            clock=front.clock,
            launch=launch,
            lost=end_calls_of,
        )
        service = FrontService(
            fleet.lives,
            archive=front.events,
            directory=front.directory,
            store=front.store,
            placer=front.placer,
            tools=front.tools,
            spending=front.spending,
            keys=front.keys,
        )
        async with (
            serving(
                socket,
                lambda server: workers_service_pb2_grpc.add_FrontServiceServicer_to_server(
                    service, server
                ),
            ),
            fleet,
        ):
            yield Carriers(fleet.hosts, fleet, fleet.replace_all, fleet)


def _limits(settings: Settings) -> FleetLimits:
    memory_mb = settings.worker_memory_mb
    return FleetLimits(
        workers=settings.workers,
        silence_s=settings.worker_silence_s,
        memory_bytes=None if memory_mb is None else memory_mb * _MB,
        drain_s=settings.default_max_duration_s,
    )


async def _beat(placer: Membership, host_id: HostId, epoch: Epoch, slots: int) -> NoReturn:
    while True:
        await asyncio.sleep(_HEARTBEAT_S)
        await placer.heartbeat(host_id, epoch, slots)


def _nothing_to_replace() -> None:
    _log.warning("there are no workers to replace")
