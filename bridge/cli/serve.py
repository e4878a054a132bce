"""How a server is put together, runs, drains and stops: the one place where objects are made."""

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Final, NoReturn

from bridge import logs
from bridge.addresses import as_http_url
from bridge.agents.catalogue import FileCatalogue
from bridge.api import calls as calls_api
from bridge.api import models as models_api
from bridge.api import server
from bridge.api import telemetry as telemetry_api
from bridge.api import tools as tools_api
from bridge.calls.call import Call, CallServices, RoomTuning
from bridge.calls.host import CallHost
from bridge.calls.reception import Reception, ServerLimits
from bridge.calls.registry import Registry
from bridge.calls.sweep import Sweep
from bridge.cli.admission import guarding, listener
from bridge.clock import SystemClock
from bridge.errors import WrongState
from bridge.ids import AgentId
from bridge.logs import get_logger
from bridge.model.lasting import LastingModels
from bridge.model.service import RealtimeModels
from bridge.model.warm import WarmSessions
from bridge.ports.call import CallLimits, CallSpec
from bridge.ports.host import Epoch, HostId
from bridge.ports.tool import ToolExecutor, ToolExecutors, ToolSpec
from bridge.room.cleaning import WebRtcCleaners
from bridge.room.service import LiveKitRooms
from bridge.settings import LiveKitSettings, Settings
from bridge.store.memory import MemoryEventLog, MemoryStore
from bridge.tools.servers import ToolServers
from bridge.workers.directory import MemoryDirectory
from bridge.workers.placer import LEASE_S, MemoryPlacer

_log = get_logger(__name__)

# Several heartbeats fit into a lease: one that comes late does no harm.
_HEARTBEAT_S: Final = LEASE_S / 5

_NO_LIVEKIT: Final = WrongState(
    "LIVEKIT_DISABLED", "LIVEKIT_ENABLED is false: this server carries no calls"
)

# A local model server asks for no key, but the library wants one to send.
_NO_KEY: Final = "none"


@dataclass(frozen=True, slots=True)
class _Shared:
    """What is there whether or not calls are carried."""

    settings: Settings
    clock: SystemClock
    agents: FileCatalogue
    models: RealtimeModels
    directory: MemoryDirectory
    events: MemoryEventLog
    store: MemoryStore


@dataclass(frozen=True, slots=True)
class _Calls:
    """What carries calls."""

    host: CallHost
    service: calls_api.CallService
    registry: Registry
    tool_servers: ToolServers


class _Gateways:
    """Implements ToolExecutors: gateways execute what the call itself does not."""

    def __init__(self, gateways: ToolServers) -> None:
        self._gateways = gateways

    def executor(self, agent_id: AgentId, tool: ToolSpec) -> ToolExecutor:  # noqa: ARG002 - the port's
        return self._gateways


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM (drain, then stop) or SIGINT (stop at once).

    :raises ListenError: the address cannot be listened on.
    """
    logs.configure(settings.log_level, settings.log_format)
    for name, value in settings.describe():
        _log.info("setting", name=name, value=value)
    stopping = _Signals()
    async with AsyncExitStack() as stack:
        shared = await _shared(settings, stack)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = [group.create_task(shared.agents.watch(shared.clock), name="agent files")]
        stack.callback(lambda: [task.cancel() for task in tasks])
        calls = None
        if settings.livekit is not None:
            calls = await stack.enter_async_context(_calls(shared, settings.livekit))
        guard = await stack.enter_async_context(guarding(settings, shared.clock))
        where = await stack.enter_async_context(listener(settings, shared.clock))
        api = await stack.enter_async_context(server.serve(_services(shared, calls), where, guard))
        # What is there now lives as long as the process: the collector need not look at it again.
        gc.freeze()
        _log.info("serving", address=settings.listen, slots=settings.slots)
        await stopping.asked.wait()
        _log.info("stopping", drain=stopping.gently)
        await api.set_serving(server.SERVICES, serving=False)
        if calls is not None and stopping.gently:
            await _drain(calls.host, settings.drain_timeout_s, stopping)
        if calls is not None:
            # Streams that end by nothing else would hold the server up.
            calls.tool_servers.close()
    _log.info("stopped")


class _Signals:
    """SIGTERM asks for a drain, SIGINT or a second SIGTERM for an end."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._on_term)
        loop.add_signal_handler(signal.SIGINT, self._on_int)

    @property
    def gently(self) -> bool:
        return not self.hurry.is_set()

    def _on_term(self) -> None:
        if self.asked.is_set():
            self.hurry.set()
        self.asked.set()

    def _on_int(self) -> None:
        self.hurry.set()
        self.asked.set()


async def _drain(host: CallHost, timeout_s: float, stopping: _Signals) -> None:
    """Drain, unless somebody loses patience."""
    drain = asyncio.create_task(host.drain(timeout_s), name="drain")
    hurry = asyncio.create_task(stopping.hurry.wait(), name="hurry")
    await asyncio.wait((drain, hurry), return_when=asyncio.FIRST_COMPLETED)
    for task in (drain, hurry):
        task.cancel()
    await asyncio.gather(drain, hurry, return_exceptions=True)


async def _shared(settings: Settings, stack: AsyncExitStack) -> _Shared:
    agents = FileCatalogue(settings.agents_dir, settings.openai_realtime_model)
    agents.load()
    key = settings.openai_api_key
    base_url = settings.openai_base_url
    models = RealtimeModels(
        key.get_secret_value() if key else _NO_KEY, base_url and as_http_url(base_url)
    )
    await stack.enter_async_context(models)
    return _Shared(
        settings=settings,
        clock=SystemClock(),
        agents=agents,
        models=models,
        directory=MemoryDirectory(ended_calls=settings.retained_calls),
        events=MemoryEventLog(
            events_per_call=settings.retained_events, ended_calls=settings.retained_calls
        ),
        store=MemoryStore(reports=settings.retained_calls),
    )


@asynccontextmanager
async def _calls(shared: _Shared, livekit: LiveKitSettings) -> AsyncIterator[_Calls]:
    """Carry calls for as long as the context lasts; leaving ends those that are left."""
    settings, clock = shared.settings, shared.clock
    host_id = HostId(settings.host_id)
    # Time itself is the epoch: a later life of this host has a higher one.
    epoch = Epoch(time.time_ns())
    placer = MemoryPlacer(clock, remembered_requests=settings.retained_calls + settings.slots)
    await placer.heartbeat(host_id, epoch, settings.slots)
    warm = WarmSessions(
        shared.models, settings.openai_realtime_model, settings.warm_sessions, clock
    )
    async with warm, _rooms(shared, livekit) as rooms, asyncio.TaskGroup() as group:
        models = LastingModels(shared.models, clock, connect=warm.connect)
        tool_servers = ToolServers(clock)
        services = _call_services(shared, rooms, models, _Gateways(tool_servers))
        make_call = partial(_make_call, services=services)
        host = CallHost(slots=settings.slots, clock=clock, placer=placer, make_call=make_call)
        registry = Registry(shared.directory, {host_id: host}, shared.events, shared.store)
        reception = Reception(
            agents=shared.agents,
            rooms=rooms,
            placer=placer,
            directory=shared.directory,
            registry=registry,
            clock=clock,
            limits=_limits(settings),
        )
        tasks = [
            group.create_task(_beat(placer, host_id, epoch, settings.slots), name="heartbeat"),
            group.create_task(Sweep(rooms, host, clock).run(), name="sweep"),
        ]
        async with host:
            yield _Calls(
                host,
                calls_api.CallService(reception, registry),
                registry,
                tool_servers,
            )
        for task in tasks:
            task.cancel()


def _rooms(shared: _Shared, livekit: LiveKitSettings) -> LiveKitRooms:
    return LiveKitRooms(
        livekit.server_url,
        livekit.api_key.get_secret_value(),
        livekit.api_secret.get_secret_value(),
        shared.settings.host_id,
        livekit.public_url,
        shared.clock,
    )


def _call_services(
    shared: _Shared, rooms: LiveKitRooms, models: LastingModels, tools: ToolExecutors
) -> CallServices:
    settings = shared.settings
    return CallServices(
        host_id=settings.host_id,
        rooms=rooms,
        models=models,
        cleaners=WebRtcCleaners(),
        directory=shared.directory,
        events=shared.events,
        store=shared.store,
        clock=shared.clock,
        room_tuning=RoomTuning(settings.room_empty_timeout_s, settings.room_max_participants),
        tools=tools,
    )


def _make_call(spec: CallSpec, epoch: Epoch, services: CallServices) -> Call:
    return Call(spec, epoch, services)


async def _beat(placer: MemoryPlacer, host_id: HostId, epoch: Epoch, slots: int) -> NoReturn:
    while True:
        await asyncio.sleep(_HEARTBEAT_S)
        await placer.heartbeat(host_id, epoch, slots)


def _limits(settings: Settings) -> ServerLimits:
    return ServerLimits(
        defaults=CallLimits(
            join_timeout_s=settings.default_join_timeout_s,
            max_duration_s=settings.default_max_duration_s,
            rejoin_grace_s=settings.default_rejoin_grace_s,
        ),
        longest_duration_s=settings.max_max_duration_s,
        token_ttl_s=settings.token_ttl_s,
    )


def _services(shared: _Shared, calls: _Calls | None) -> server.Services:
    registry = (
        calls.registry if calls else Registry(shared.directory, {}, shared.events, shared.store)
    )
    stream = f"/{telemetry_api.NAME}/StreamTelemetry"
    needing_calls = (f"/{calls_api.NAME}", f"/{tools_api.NAME}", stream)
    return server.Services(
        telemetry=telemetry_api.TelemetryService(
            registry, shared.clock, metadata.version("mediabridge")
        ),
        models=models_api.ModelService(shared.agents, shared.models, shared.models.realtime_url),
        calls=calls.service if calls else None,
        tools=tools_api.ToolService(calls.tool_servers, shared.clock) if calls else None,
        closed={} if calls else dict.fromkeys(needing_calls, _NO_LIVEKIT),
    )
