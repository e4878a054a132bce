"""Which API keys there are, and who gets one: `mediabridge keys`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Column, Table

from bridge.access.key_file import (
    BadKeyFile,
    KeyFile,
    KeyRecord,
    LimitsPart,
    change_keys,
    read_keys,
)
from bridge.access.keys import ApiKey
from bridge.access.principal import Scope
from bridge.settings import environment

_VARIABLE: Final = "MEDIABRIDGE_KEYS_FILE"
_WRONG_NAME: Final = "names and tenants are one line of 1 to 128 characters"

_Command = Callable[..., None]


def _limits(command: _Command) -> _Command:
    """Add what limits a key or a tenant; what is not given is left to the server's settings."""
    for name, what in (
        ("--streams", "Open streams."),
        ("--creations-per-minute", "Calls begun in any minute."),
        ("--calls", "Calls at a time."),
    ):
        command = click.option(name, type=click.IntRange(0, 1_000_000), help=what)(command)
    return command


@click.group("keys")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"The file of keys. Default: {_VARIABLE}.",
)
@click.pass_context
def command(context: click.Context, file: Path | None) -> None:
    """Create, list and revoke the keys with which clients call the API.

    A running server takes up changes within seconds.
    """
    named = environment().get(_VARIABLE)
    if file is None and not named:
        raise click.UsageError(f"give --file, or set {_VARIABLE}")
    context.obj = file or Path(str(named))


@command.command("create")
@click.option("--name", required=True, help="Who will use it; shown in logs and lists.")
@click.option("--tenant", help="The one tenant whose calls it sees and makes.")
@click.option("--all-tenants", is_flag=True, help="It sees every tenant's calls.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may do; may be given several times.",
)
@click.option("--days", type=click.IntRange(1, 36_500), help="How long it is good. Default: ever.")
@_limits
@click.pass_obj
def create(  # noqa: PLR0913 - one argument an option
    file: Path,
    *,
    name: str,
    tenant: str | None,
    all_tenants: bool,
    scopes: tuple[str, ...],
    days: int | None,
    calls: int | None,
    creations_per_minute: int | None,
    streams: int | None,
) -> None:
    """Make a key, and print it: once, to standard output, and nothing else there."""
    if (tenant is not None) == all_tenants:
        raise click.UsageError("give either --tenant or --all-tenants")
    key = ApiKey.make()
    try:
        record = KeyRecord.of(
            key,
            name=name,
            tenant_id=tenant,
            scopes=frozenset(map(Scope, scopes)),
            expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
            limits=LimitsPart(
                calls=calls, creations_per_minute=creations_per_minute, streams=streams
            ),
        )
    except ValueError as wrong:
        raise click.UsageError(_WRONG_NAME) from wrong
    _change(file, lambda keys: keys.with_key(record))
    click.echo(f"key {key.key_id} of {name}: keep it now, it is shown this once", err=True)
    click.echo(key.reveal())


@command.command("list")
@click.pass_obj
def list_keys(file: Path) -> None:
    """Show every key, but never what is presented."""
    try:
        keys = read_keys(file)
    except BadKeyFile as wrong:
        raise click.ClickException(str(wrong)) from wrong
    table = Table(
        Column("id", no_wrap=True), "name", "tenant", "scopes", "limits", "created", "state"
    )
    for record in keys.keys:
        table.add_row(
            record.key_id,
            record.name,
            "(all)" if record.tenant_id is None else record.tenant_id,
            " ".join(sorted(scope.value for scope in record.scopes)),
            _written(record.limits),
            f"{record.created_at:%Y-%m-%d}",
            _state(record),
        )
    Console().print(table)
    for tenant, limits in keys.tenants.items():
        click.echo(f"tenant {tenant}: {_written(limits) or 'as the settings say'}")


@command.command("revoke")
@click.argument("key_id")
@click.pass_obj
def revoke(file: Path, key_id: str) -> None:
    """Make a key good for nothing, for ever; what it has open is ended."""
    try:
        _change(file, lambda keys: keys.revoking(key_id))
    except KeyError:
        raise click.ClickException(f"there is no key {key_id}") from None


@command.command("limit")
@click.argument("tenant")
@_limits
@click.pass_obj
def limit(
    file: Path,
    *,
    tenant: str,
    calls: int | None,
    creations_per_minute: int | None,
    streams: int | None,
) -> None:
    """Say what one tenant may have, in place of what the settings say for all."""
    limits = LimitsPart(calls=calls, creations_per_minute=creations_per_minute, streams=streams)
    try:
        _change(file, lambda keys: keys.with_tenant(tenant, limits))
    except ValueError as wrong:
        raise click.UsageError(_WRONG_NAME) from wrong


def _change(file: Path, change: Callable[[KeyFile], KeyFile]) -> None:
    try:
        change_keys(file, change)
    except BadKeyFile as wrong:
        raise click.ClickException(str(wrong)) from wrong


def _state(record: KeyRecord) -> str:
    if record.revoked_at is not None:
        return f"revoked {record.revoked_at:%Y-%m-%d}"
    if record.expires_at is None:
        return "good"
    has_expired = record.expires_at <= datetime.now(UTC)
    return f"{'expired' if has_expired else 'good until'} {record.expires_at:%Y-%m-%d %H:%M}"


def _written(limits: LimitsPart) -> str:
    return " ".join(f"{name}={most}" for name, most in limits if most is not None)
