"""How is a host put together that carries calls: in the server's own process, or in a worker's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from bridge import heap
from bridge.calls.call import Call
from bridge.calls.host import CallHost
from bridge.calls.services import CallServices, RoomTuning
from bridge.calls.watchdog import Watchdog
from bridge.cli.recording import recording
from bridge.model.lasting import LastingModels
from bridge.model.service import RealtimeModels
from bridge.model.warm import WarmSessions
from bridge.ports.budget import SpendingSink
from bridge.ports.call import CallSpec
from bridge.ports.clock import Clock
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import DirectoryUpdates, Slots
from bridge.ports.store import EventLog, ReportSink
from bridge.ports.tool import ToolExecutors
from bridge.room.cleaning import WebRtcCleaners
from bridge.room.service import LiveKitRooms
from bridge.settings import Settings


@dataclass(frozen=True, slots=True)
class Front:
    """Where a host's calls tell what happens to them."""

    directory: DirectoryUpdates
    events: EventLog
    reports: ReportSink
    slots: Slots
    tools: ToolExecutors
    spending: SpendingSink


@asynccontextmanager
async def carrying(
    settings: Settings,
    *,
    host_id: HostId,
    front: Front,
    rooms: LiveKitRooms,
    models: RealtimeModels,
    clock: Clock,
) -> AsyncIterator[CallHost]:
    """Carry calls for as long as the context lasts; leaving ends those that are left."""
    await rooms.open_entrance()
    warm = WarmSessions(models, settings.openai_realtime_model, settings.warm_sessions, clock)
    async with warm, recording(settings, clock) as recorders, asyncio.TaskGroup() as group:
        services = CallServices(
            host_id=host_id,
            rooms=rooms,
            models=LastingModels(models, clock, connect=warm.connect),
            cleaners=WebRtcCleaners(),
            directory=front.directory,
            events=front.events,
            store=front.reports,
            clock=clock,
            tools=front.tools,
            spending=front.spending,
            recordings=recorders.files,
            egress=recorders.egress,
            room_tuning=RoomTuning(settings.room_empty_timeout_s, settings.room_max_participants),
        )
        host = CallHost(
            slots=settings.slots,
            clock=clock,
            placer=front.slots,
            make_call=partial(_make_call, services=services),
        )
        watching = group.create_task(Watchdog(host, clock).run(), name="watchdog")
        trimming = group.create_task(heap.keep_trimmed(lambda: host.ended, clock), name="trimming")
        async with host:
            yield host
        watching.cancel()
        trimming.cancel()


def _make_call(spec: CallSpec, epoch: Epoch, services: CallServices) -> Call:
    return Call(spec, epoch, services)
