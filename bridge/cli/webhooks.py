"""Which events did endpoints never take: `mediabridge webhooks`, beside a server or without one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from bridge.cli.webhooking import endpoints_file
from bridge.clock import SystemClock
from bridge.destinations import Destinations
from bridge.errors import Unavailable
from bridge.messages.webhook_json import event_json
from bridge.ports.store import LoggedEvent
from bridge.ports.webhook import DeadLetter
from bridge.settings import Settings, SettingsError
from bridge.store.archive import Archive
from bridge.store.database import StoreError, opened, parse_url
from bridge.store.webhooks import StoredWebhooks
from bridge.webhooks.endpoints import Endpoint
from bridge.webhooks.sending import Sender


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the commands need of a server's surroundings."""

    settings: Settings
    ledger: StoredWebhooks
    archive: Archive


@click.group("webhooks")
def command() -> None:
    """List the events that an endpoint never took, and send them again.

    Reads the same environment as the server, which may be running.
    """


@command.command("dead")
@click.option("--endpoint", help="Of this endpoint alone.")
def dead(endpoint: str | None) -> None:
    """List dead letters, the oldest first."""
    _run(lambda desk: _list(desk, endpoint))


@command.command("replay")
@click.option("--endpoint", help="Those of this endpoint.")
@click.option("--call", "connection_id", help="Those of this call.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
def replay(endpoint: str | None, connection_id: str | None, *, everything: bool) -> None:
    """Send dead letters once more, the oldest first; what is taken is struck off the list."""
    if not (endpoint or connection_id or everything):
        raise click.UsageError("give --endpoint, --call or --all")
    _run(lambda desk: _replay(desk, endpoint, connection_id))


def _run(work: Callable[[_Desk], Coroutine[Any, Any, None]]) -> None:
    async def at_the_desk() -> None:
        async with _desk() as desk:
            await work(desk)

    try:
        asyncio.run(at_the_desk())
    except (SettingsError, StoreError) as wrong:
        raise click.ClickException(str(wrong)) from wrong
    except Unavailable as silent:
        raise click.ClickException(silent.message) from silent


@asynccontextmanager
async def _desk() -> AsyncIterator[_Desk]:
    settings = Settings.load()
    url = parse_url(settings.store_url.get_secret_value())
    if url is None:
        raise click.ClickException("the server keeps nothing: MEDIABRIDGE_STORE_URL is memory:")
    async with opened(url) as engine:
        yield _Desk(settings, StoredWebhooks(engine, settings.host_id), Archive(engine))


async def _list(desk: _Desk, endpoint: str | None) -> None:
    call = Column("call", no_wrap=True)
    table = Table("endpoint", "tenant", call, "event", "kind", "died", "attempts", "why")
    letters = await desk.ledger.dead(endpoint)
    for one in letters:
        table.add_row(
            one.endpoint,
            one.tenant_id,
            one.connection_id,
            str(one.sequence),
            one.kind or "and all behind it",
            f"{one.died_at:%Y-%m-%d %H:%M:%S}",
            str(one.attempts),
            one.error,
        )
    Console().print(table if letters else "no dead letters")


async def _replay(desk: _Desk, endpoint: str | None, connection_id: str | None) -> None:
    # Read in a thread, where the server's own loop is not in the way of anybody.
    file = await asyncio.to_thread(endpoints_file, desk.settings)
    if file is None:
        raise click.ClickException("MEDIABRIDGE_WEBHOOKS is not set: there are no endpoints")
    taken = left = 0
    destinations = Destinations(desk.settings.webhook_allow or "")
    async with Sender(destinations, SystemClock()) as sender:
        for letter in await desk.ledger.dead(endpoint):
            if connection_id not in (None, letter.connection_id):
                continue
            problem = await _send(desk, sender, file.value.named(letter.endpoint), letter)
            if problem:
                left += 1
                click.echo(f"{letter.connection_id} {letter.sequence}: {problem}", err=True)
            else:
                taken += 1
                await desk.ledger.forget_dead(letter)
    click.echo(f"{taken} taken, {left} left")
    if left:
        raise SystemExit(1)


async def _send(desk: _Desk, sender: Sender, endpoint: Endpoint | None, letter: DeadLetter) -> str:
    """Send what a letter stands for; return why it was not taken, if it was not."""
    if endpoint is None:
        return f"there is no endpoint {letter.endpoint} any more"
    events = [event async for event in _events(desk.archive, letter)]
    if not events:
        return "the event is not kept any more"
    for logged in events:
        event = event_json(logged.payload)
        if endpoint.wants(event.kind):
            answer = await sender.send(endpoint, logged.connection_id, logged.sequence, event)
            if not answer.taken:
                return answer.error
    return ""


async def _events(archive: Archive, letter: DeadLetter) -> AsyncIterator[LoggedEvent]:
    """Yield the event, or all from it on where a whole call was given up."""
    after = letter.sequence - 1
    while page := await archive.events(letter.connection_id, after):
        for event in page:
            if letter.kind and event.sequence != letter.sequence:
                return
            yield event
            after = event.sequence
