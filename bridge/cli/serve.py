"""How a server is put together, runs, drains and stops: the one place where objects are made."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any, Final

from bridge import logs
from bridge.agents.catalogue import FileCatalogue
from bridge.api import admin as admin_api
from bridge.api import calls as calls_api
from bridge.api import models as models_api
from bridge.api import server
from bridge.api import telemetry as telemetry_api
from bridge.api import tools as tools_api
from bridge.calls.front.allowance import Allowances
from bridge.calls.front.late_rooms import LateRooms
from bridge.calls.front.placing import Placing
from bridge.calls.front.reception import Reception
from bridge.calls.front.registry import Registry
from bridge.calls.front.sweep import Sweep
from bridge.calls.front.terms import ServerLimits, Terms
from bridge.cli.admission import guarding, listener
from bridge.cli.carriers import Carriers, Front, in_this_process, with_workers
from bridge.cli.erasing import erasure_of
from bridge.cli.hearsay import hearing_livekit
from bridge.cli.inspecting import inspection_of
from bridge.cli.money import Money, money_of
from bridge.cli.observing import Observation, observing
from bridge.cli.reaching import models_of, rooms_of
from bridge.cli.recording import records
from bridge.cli.stopping import Signals, drain
from bridge.cli.storing import Records, end_unfinished, keep_drafts, storing, tell_health
from bridge.cli.tooling import Tooling, tooling
from bridge.cli.webhooking import endpoints_file, sending_webhooks
from bridge.clock import SystemClock
from bridge.errors import WrongState
from bridge.files.watched import WatchedFile
from bridge.inspection import Inspection
from bridge.logs import get_logger
from bridge.model.keys import Minted
from bridge.model.service import RealtimeModels
from bridge.ports.call import CallLimits
from bridge.ports.host import Host, HostId
from bridge.room.service import LiveKitRooms
from bridge.settings import LiveKitSettings, Settings
from bridge.workers.placer import MemoryPlacer

_log = get_logger(__name__)

_NO_LIVEKIT: Final = WrongState(
    "LIVEKIT_DISABLED", "LIVEKIT_ENABLED is false: this server carries no calls"
)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What is there whether or not calls are carried."""

    settings: Settings
    clock: SystemClock
    tooling: Tooling
    agents: FileCatalogue
    money: Money
    files: Sequence[WatchedFile[Any]]
    """To be watched."""
    models: RealtimeModels
    observation: Observation
    records: Records


@dataclass(frozen=True, slots=True)
class _Calls:
    """What carries calls."""

    carriers: Carriers
    service: calls_api.CallService
    registry: Registry


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM (drain, then stop) or SIGINT (stop at once).

    :raises ListenError: the address cannot be listened on.
    :raises SettingsError: a file that a variable names cannot be used.
    """
    logs.configure(settings.log_level, settings.log_format)
    for name, value in settings.describe():
        _log.info("setting", name=name, value=value)
    stopping = Signals()
    async with AsyncExitStack() as stack:
        shared = await _shared(settings, stack)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        watching = (shared.agents.watch, *(file.watch for file in shared.files))
        tasks = [group.create_task(watch(shared.clock), name="files") for watch in watching]
        stack.callback(lambda: [task.cancel() for task in tasks])
        calls = None
        if settings.livekit is not None:
            calls = await stack.enter_async_context(_calls(shared, settings.livekit))
        guard = await stack.enter_async_context(guarding(settings, shared.clock))
        where = await stack.enter_async_context(listener(settings, shared.clock))
        carriers = calls.carriers if calls else None
        await stack.enter_async_context(shared.observation.shown(carriers, shared.records.status))
        inspection = inspection_of(carriers)
        tasks.append(group.create_task(inspection.keep_logging(), name="inspection"))
        services = _services(shared, calls, inspection)
        api = await stack.enter_async_context(
            server.serve(services, where, guard, shared.observation.of_rpcs())
        )
        health = tell_health(shared.records, api, shared.clock)
        tasks.append(group.create_task(health, name="store's health"))
        # What is there now lives as long as the process: the collector need not look at it again.
        gc.freeze()
        _log.info(
            "serving", address=settings.listen, workers=settings.workers, slots=settings.slots
        )
        stopping.on(signal.SIGHUP, shared.agents.reload)
        stopping.on(signal.SIGUSR1, inspection.ask_for_log)
        if calls is not None:
            stopping.on(signal.SIGUSR2, calls.carriers.replace)
        await stopping.asked.wait()
        _log.info("stopping", drain=stopping.gently)
        await api.set_serving(server.SERVICES, serving=False)
        if calls is not None and stopping.gently:
            await drain(calls.carriers.calls, settings.drain_timeout_s, stopping)
        # Streams that end by nothing else would hold the server up.
        shared.tooling.gateways.close()
    _log.info("stopped")


async def _shared(settings: Settings, stack: AsyncExitStack) -> _Shared:
    clock = SystemClock()
    version = metadata.version("mediabridge")
    observation = await stack.enter_async_context(observing(settings, clock, version))
    money = money_of(settings)
    tools = await stack.enter_async_context(tooling(settings, clock))
    agents = FileCatalogue(
        settings.agents_dir, settings.openai_realtime_model, tools.surroundings, tools.mcp
    )
    agents.load()
    models = models_of(settings)
    await stack.enter_async_context(models)
    if settings.ephemeral_keys:
        await models.prepare_keys()
    records = await stack.enter_async_context(storing(settings, clock))
    endpoints = endpoints_file(settings)
    sending = sending_webhooks(settings, endpoints, records, clock)
    records = await stack.enter_async_context(sending)
    return _Shared(
        settings=settings,
        clock=clock,
        tooling=tools,
        agents=agents,
        money=money,
        files=[*money.files, *([endpoints] if endpoints else [])],
        models=models,
        observation=observation,
        records=replace(records, events=observation.of_events(records.events)),
    )


@asynccontextmanager
async def _calls(shared: _Shared, livekit: LiveKitSettings) -> AsyncIterator[_Calls]:
    """Carry calls for as long as the context lasts; leaving ends those that are left."""
    settings, clock, records = shared.settings, shared.clock, shared.records
    calls_at_most = settings.slots * max(1, settings.workers)
    placer = MemoryPlacer(clock, remembered_requests=settings.retained_calls + calls_at_most)
    async with (
        rooms_of(settings, livekit, clock) as rooms,
        _carriers(shared, rooms, placer) as carriers,
        asyncio.TaskGroup() as group,
    ):
        await end_unfinished(records, rooms, clock)
        registry = _registry(shared, carriers.hosts)
        money = shared.money
        allowances = Allowances(money.prices, money.budgets, records.ledger, clock)
        reception = Reception(
            agents=shared.agents,
            rooms=rooms,
            directory=records.directory,
            registry=registry,
            terms=Terms(_limits(settings), allowances, clock, records.endpoints),
            placing=Placing(
                placer, records.directory, registry, allowances, shared.observation.call_begins
            ),
        )
        late_rooms = LateRooms(rooms, records.directory)
        sweep = Sweep(rooms, late_rooms, carriers.calls, clock)
        sweeping = group.create_task(sweep.run(), name="sweep")
        drafts = group.create_task(keep_drafts(records, carriers.hosts, clock), name="drafts")
        service = calls_api.CallService(
            reception, registry, erasure_of(settings, registry, records, clock)
        )
        async with hearing_livekit(
            settings, livekit, rooms, late_rooms, records.directory, registry, clock
        ):
            yield _Calls(carriers, service, registry)
        sweeping.cancel()
        drafts.cancel()


def _carriers(
    shared: _Shared, rooms: LiveKitRooms, placer: MemoryPlacer
) -> AbstractAsyncContextManager[Carriers]:
    """Return what carries calls: this process, or its workers."""
    settings, tools, records = shared.settings, shared.tooling.executors, shared.records
    if settings.workers:
        front = Front(
            directory=records.directory,
            events=records.events,
            store=records.reports,
            placer=placer,
            tools=tools,
            spending=records.ledger,
            keys=Minted(shared.models),
            rooms=rooms,
            clock=shared.clock,
        )
        return with_workers(settings, front)
    # Not imported above: a front whose workers carry calls needs neither numpy nor WebRTC.
    from bridge.cli import hosting  # noqa: PLC0415

    host = hosting.carrying(
        settings,
        host_id=HostId(settings.host_id),
        front=hosting.Front(
            records.directory, records.events, records.reports, placer, tools, records.ledger
        ),
        rooms=rooms,
        models=shared.models,
        clock=shared.clock,
    )
    return in_this_process(settings, host, placer)


def _limits(settings: Settings) -> ServerLimits:
    return ServerLimits(
        defaults=CallLimits(
            join_timeout_s=settings.default_join_timeout_s,
            max_duration_s=settings.default_max_duration_s,
            rejoin_grace_s=settings.default_rejoin_grace_s,
        ),
        longest_duration_s=settings.max_max_duration_s,
        token_ttl_s=settings.token_ttl_s,
        records=records(settings),
        retention=settings.retention_rules,
    )


def _registry(shared: _Shared, hosts: Mapping[HostId, Host]) -> Registry:
    records = shared.records
    return Registry(records.directory, hosts, records.events, records.reports, shared.clock)


def _services(shared: _Shared, calls: _Calls | None, inspection: Inspection) -> server.Services:
    registry = calls.registry if calls else _registry(shared, {})
    stream = f"/{telemetry_api.NAME}/StreamTelemetry"
    needing_calls = (f"/{calls_api.NAME}", f"/{tools_api.NAME}", stream)
    return server.Services(
        telemetry=telemetry_api.TelemetryService(
            registry, shared.clock, metadata.version("mediabridge"), shared.records.status
        ),
        models=models_api.ModelService(shared.agents, shared.models, shared.models.realtime_url),
        admin=admin_api.AdminService(inspection),
        calls=calls.service if calls else None,
        tools=tools_api.ToolService(shared.tooling.gateways, shared.clock) if calls else None,
        closed={} if calls else dict.fromkeys(needing_calls, _NO_LIVEKIT),
    )
