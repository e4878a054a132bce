"""How is the server run: `mediabridge serve`."""

import os
from typing import Final

import click
import uvloop

from bridge import heap
from bridge.access.jwks import BadJwks
from bridge.access.key_file import BadKeyFile
from bridge.api.server import ListenError
from bridge.api.tls import BadCertificates
from bridge.cli.serve import serve
from bridge.errors import BridgeError
from bridge.observe.exposition import MetricsListenError
from bridge.room.webhooks import WebhookListenError
from bridge.settings import Settings, SettingsError
from bridge.store.database import StoreError
from bridge.workers.fleet import NoWorkers

_CANNOT_START: Final = (
    ListenError,
    MetricsListenError,
    WebhookListenError,
    NoWorkers,
    SettingsError,
    BadCertificates,
    BadJwks,
    BadKeyFile,
    StoreError,
)


@click.command("serve")
@click.option("--workers", type=click.IntRange(0, 64), help="In place of MEDIABRIDGE_WORKERS.")
@click.option("--slots", type=click.IntRange(1, 1000), help="In place of MEDIABRIDGE_SLOTS.")
def command(workers: int | None, slots: int | None) -> None:
    """Run the server until SIGTERM or Ctrl-C. SIGHUP reads the agents' files again, SIGUSR2
    replaces the workers without dropping a call.

    Everything is set by environment variables, or by a file .env in the working directory; see
    docs/settings.md.
    """
    try:
        _set("MEDIABRIDGE_WORKERS", workers)
        _set("MEDIABRIDGE_SLOTS", slots)
        settings = Settings.load()
    except SettingsError as wrong:
        raise click.ClickException(str(wrong)) from wrong
    try:
        heap.share_arenas()
        uvloop.run(serve(settings))
    except* _CANNOT_START as wrong:
        raise click.ClickException(str(_first(wrong))) from None


def _first(group: BaseExceptionGroup[BridgeError]) -> BridgeError:
    """Return one of the errors; each part of the server that was running has wrapped it."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _set(variable: str, value: int | None) -> None:
    """Let an option stand above the environment, for the workers' processes, too."""
    if value is not None:
        os.environ[variable] = str(value)
