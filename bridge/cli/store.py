"""What can be done with stored calls without a server: `mediabridge store`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from typing import TypeVar

import click

from bridge import logs
from bridge.cli.erasing import recordings_of
from bridge.cli.storing import location_of
from bridge.clock import SystemClock
from bridge.errors import Unavailable
from bridge.ids import ConnectionId
from bridge.settings import Settings, SettingsError
from bridge.store.database import FAILURES, Engine, Location, StoreError, held, opened
from bridge.store.erasing import erase_stored
from bridge.store.migrating import migrate
from bridge.store.purge import Purge

_Done = TypeVar("_Done")
_Act = Callable[[Engine, Settings], Awaitable[_Done]]


@click.group("store")
def command() -> None:
    """Bring the store's schema forward, or delete calls from it.

    The store is the one that MEDIABRIDGE_STORE_URL names, as for `mediabridge serve`.
    """
    logs.configure("warning", "auto")


@command.command("migrate")
def bring_forward() -> None:
    """Bring the schema forward, as a server does when it starts. No server may use it meanwhile."""
    done = _with_store(lambda engine, _: migrate(engine), alone=True)
    if done.before == done.after:
        click.echo(f"the schema is at {done.after} already")
    else:
        click.echo(f"from {done.before or 'nothing'} to {done.after}")


@command.command("purge")
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(0, 36_500),
    help="Of calls that ended so many days ago. Default: MEDIABRIDGE_RETENTION_DAYS.",
)
@click.option("--call", "connection_id", help="Of one call that is over, however old.")
def purge(days: int | None, connection_id: str | None) -> None:
    """Delete all that is stored of calls that are over. A server may go on meanwhile.

    With --call the files of the call's recording, too.
    """
    if connection_id is not None:
        if days is not None:
            raise click.UsageError("--older-than and --call do not go together")
        call = ConnectionId(connection_id)
        if not _with_store(
            lambda engine, settings: erase_stored(engine, recordings_of(settings), call)
        ):
            raise click.ClickException("no call that is over has this id in the store")
        click.echo("calls deleted: 1")
        return

    async def old(engine: Engine, settings: Settings) -> int:
        clock = SystemClock()
        kept_for = timedelta(days=settings.retention_days if days is None else days)
        return await Purge(engine, clock).ended_before(clock.now() - kept_for)

    click.echo(f"calls deleted: {_with_store(old)}")


def _with_store(act: _Act[_Done], *, alone: bool = False) -> _Done:
    """Do something with the store that the environment names."""
    try:
        settings = Settings.load()
        url = location_of(settings)
        if url is None:
            raise click.ClickException("MEDIABRIDGE_STORE_URL is memory: there is nothing to do")
        return asyncio.run(_act(url, settings, act, alone=alone))
    except (SettingsError, StoreError, Unavailable) as wrong:
        raise click.ClickException(str(wrong)) from wrong


async def _act(
    url: Location,
    settings: Settings,
    act: _Act[_Done],
    *,
    alone: bool,
) -> _Done:
    async with opened(url) as engine:
        holding: AbstractAsyncContextManager[None] = (
            held(engine, settings.host_id) if alone else nullcontext()
        )
        async with holding:
            try:
                return await act(engine, settings)
            except FAILURES as error:
                raise StoreError.of(error) from error
