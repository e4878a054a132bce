"""Where does a server keep its calls: in memory alone, or in a database behind it?"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from bridge.calls.front.bereaved import Bereaved
from bridge.calls.front.drafts import Drafts
from bridge.logs import get_logger
from bridge.ports.budget import TenantLedger
from bridge.ports.call import Ending, EndReason
from bridge.ports.clock import Clock
from bridge.ports.host import Host, HostId
from bridge.ports.placement import Directory
from bridge.ports.report import CallReport
from bridge.ports.room import RoomService
from bridge.ports.store import CallEraser, EventRecords, Store, StoreBackend, StoreStatus
from bridge.ports.webhook import EndpointNames, WebhookLedger
from bridge.settings import Settings, SettingsError
from bridge.store.archive import Archive, Unfinished
from bridge.store.database import Location, held, opened, parse_url, shown
from bridge.store.discretion import DiscreetReports
from bridge.store.durable import DurableDirectory, DurableEvents, DurableLedger, DurableReports
from bridge.store.erasing import DurableEraser, MemoryEraser
from bridge.store.ledger import MemoryLedger
from bridge.store.memory import MemoryEventLog, MemoryStore
from bridge.store.migrating import migrate
from bridge.store.pending import Pending
from bridge.store.purge import Purge
from bridge.store.statements import Database
from bridge.store.webhooks import MemoryWebhooks, StoredWebhooks
from bridge.store.writer import Writer
from bridge.workers.directory import MemoryDirectory

_log = get_logger(__name__)

# A store that takes anything takes all that waits in that time. What it does not is lost.
_FLUSH_S: Final = 5.0
_HEALTH_S: Final = 1.0
HEALTH_NAME: Final = "mediabridge.store"
"""As health checks ask for it. The server is well without: it carries calls."""
_KILLED: Final = Ending(EndReason.WORKER_LOST, "the server that carried it was killed")


class HealthChecks(Protocol):
    """Who tells health checks of a part of the server."""

    async def set_part(self, name: str, *, serving: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Records:
    """What is known of calls, their events and reports, and what has been spent."""

    directory: Directory
    events: EventRecords
    reports: Store
    ledger: TenantLedger
    webhooks: WebhookLedger
    eraser: CallEraser
    """Who forgets one call, in all of these."""
    endpoints: EndpointNames = lambda _: frozenset()
    """What may be asked for to be sent events."""
    unfinished: Sequence[Unfinished] = ()
    """Calls that an earlier life of this server has left."""
    draft: Callable[[CallReport], None] | None = None
    """Where reports of live calls are left, should this server be killed."""
    status: Callable[[], StoreStatus] | None = None
    """Tells how the store is doing; None: there is none beyond memory."""


@asynccontextmanager
async def storing(settings: Settings, clock: Clock) -> AsyncIterator[Records]:
    """Keep a server's calls for as long as the context lasts.

    :raises SettingsError: the store's URL leads nowhere.
    :raises StoreError: the store cannot be used.
    """
    most = settings.retained_calls
    directory = MemoryDirectory(ended_calls=most)
    events = MemoryEventLog(events_per_call=settings.retained_events, ended_calls=most)
    kept, webhooks = MemoryStore(reports=most), MemoryWebhooks()
    reports = DiscreetReports(kept, events, directory, clock)
    eraser = MemoryEraser(directory, events, kept, webhooks)
    memory = Records(directory, events, reports, MemoryLedger(), webhooks, eraser)
    url = location_of(settings)
    stored = nullcontext(memory) if url is None else _storing_in(url, settings, memory, clock)
    async with stored as records, asyncio.TaskGroup() as group:
        forgetting = group.create_task(reports.run(), name="forgetting")
        try:
            yield records
        finally:
            forgetting.cancel()


def location_of(settings: Settings) -> Location | None:
    """Return where calls are stored; None: nowhere.

    :raises SettingsError: the URL leads nowhere.
    """
    try:
        return parse_url(settings.store_url.get_secret_value())
    except ValueError as error:
        raise SettingsError({"MEDIABRIDGE_STORE_URL": str(error)}) from None


async def end_unfinished(records: Records, rooms: RoomService, clock: Clock) -> None:
    """End the calls that an earlier life of this server has left: once, and without their rooms."""
    bereaved = Bereaved(
        events=records.events,
        directory=records.directory,
        store=records.reports,
        rooms=rooms,
        clock=clock,
    )
    left = list(records.unfinished)
    while left:
        in_taken_rooms = []
        # At the same time: without LiveKit each of them waits for it.
        async with asyncio.TaskGroup() as group:
            for call in left:
                if await records.directory.add(call.placed) is None:
                    group.create_task(bereaved.end(call.placed, call.draft, _KILLED))
                else:
                    in_taken_rooms.append(call)
        left = in_taken_rooms


async def keep_drafts(records: Records, hosts: Mapping[HostId, Host], clock: Clock) -> None:
    """Leave drafts of live calls' reports where they outlive this server, until cancelled."""
    if records.draft is not None:
        await Drafts(hosts, records.draft, clock).run()


async def tell_health(records: Records, checks: HealthChecks, clock: Clock) -> None:
    """Tell health checks of the store, where there is one, until cancelled."""
    if records.status is None:
        return
    told = None
    while True:
        if (serving := records.status().stuck_since is None) is not told:
            await checks.set_part(HEALTH_NAME, serving=serving)
            told = serving
        await clock.sleep(_HEALTH_S)


@asynccontextmanager
async def _storing_in(
    url: Location, settings: Settings, memory: Records, clock: Clock
) -> AsyncIterator[Records]:
    async with opened(url) as engine, held(engine, settings.host_id):
        migrated = await migrate(engine)
        if migrated.before != migrated.after:
            _log.info("store is brought forward", before=migrated.before, after=migrated.after)
        _log.info("calls are stored", where=shown(url))
        archive, pending = Archive(engine), Pending()
        yesterday = clock.now().date() - timedelta(days=1)
        for row in await archive.spending_since(yesterday):
            await memory.ledger.record(row.tenant_id, row.day, row.connection_id, row.spent)
        writer = Writer(Database(engine, settings.host_id), pending, clock)
        kept_for = timedelta(days=settings.retention_days)
        async with asyncio.TaskGroup() as group:
            tasks = (
                group.create_task(writer.run(), name="store"),
                group.create_task(Purge(engine, clock).run(kept_for), name="purge"),
            )
            try:
                yield Records(
                    directory=DurableDirectory(memory.directory, pending, archive),
                    events=DurableEvents(memory.events, pending, archive),
                    reports=DurableReports(memory.reports, pending, archive),
                    ledger=DurableLedger(memory.ledger, pending),
                    webhooks=StoredWebhooks(engine, settings.host_id),
                    eraser=DurableEraser(memory.eraser, pending, writer, engine),
                    unfinished=await archive.unfinished(settings.host_id),
                    draft=pending.draft,
                    status=lambda: StoreStatus(
                        StoreBackend(url.get_backend_name()),
                        writer.stuck_since,
                        pending.events_waiting,
                        pending.ends_waiting,
                        pending.events_lost,
                    ),
                )
            finally:
                if not await writer.flush(_FLUSH_S):
                    _log.error("the store did not take all that happened")
                for task in tasks:
                    task.cancel()
