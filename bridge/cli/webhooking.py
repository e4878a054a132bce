"""Whom does a server send its calls' events to?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from bridge.cli.storing import Records
from bridge.destinations import Destinations
from bridge.files.checked import BadFile
from bridge.files.watched import WatchedFile
from bridge.ports.clock import Clock
from bridge.settings import Settings, SettingsError
from bridge.webhooks.endpoints import EndpointTable, FileEndpoints, read_endpoints
from bridge.webhooks.outbox import Outbox
from bridge.webhooks.sending import Sender


def endpoints_file(settings: Settings) -> WatchedFile[EndpointTable] | None:
    """Return the file of endpoints, to be watched; None: there is none. Blocks.

    :raises SettingsError: it cannot be used.
    """
    if settings.webhooks is None:
        return None
    destinations = Destinations(settings.webhook_allow or "")
    try:
        return WatchedFile(settings.webhooks, partial(read_endpoints, destinations=destinations))
    except BadFile as bad:
        raise SettingsError({"MEDIABRIDGE_WEBHOOKS": str(bad)}) from None


@asynccontextmanager
async def sending_webhooks(
    settings: Settings, file: WatchedFile[EndpointTable] | None, records: Records, clock: Clock
) -> AsyncIterator[Records]:
    """Send what happens for as long as the context lasts; yield where it is to be told."""
    if file is None:
        yield records
        return
    destinations = Destinations(settings.webhook_allow or "")
    endpoints = FileEndpoints(file)
    async with (
        Sender(destinations, clock) as sender,
        Outbox(
            endpoints,
            directory=records.directory,
            events=records.events,
            ledger=records.webhooks,
            sender=sender,
            clock=clock,
            give_up_s=settings.webhook_give_up_s,
        ) as outbox,
    ):
        yield replace(
            records,
            events=outbox.of_events(),
            eraser=outbox.of_eraser(records.eraser),
            endpoints=endpoints.names,
        )
