"""How is a worker run: `mediabridge worker`, by the server that it is a worker of."""

import asyncio
import gc
import signal
from pathlib import Path

import click
import uvloop

from bridge import heap, logs
from bridge.cli import hosting
from bridge.cli.reaching import models_of, rooms_of
from bridge.clock import SystemClock
from bridge.logs import get_logger
from bridge.ports.host import Epoch, HostId
from bridge.settings import Settings, SettingsError
from bridge.workers.carrier import Carrier, front_is_gone
from bridge.workers.front import Front
from bridge.workers.wire import channel

_log = get_logger(__name__)


@click.command("worker", hidden=True)
@click.option("--host-id", required=True)
@click.option("--epoch", required=True, type=int)
@click.option("--socket", required=True, type=click.Path(path_type=Path))
@click.option("--front", required=True, type=click.Path(path_type=Path))
def command(host_id: str, epoch: int, socket: Path, front: Path) -> None:
    """Carry calls for a server. Started by `mediabridge serve`, never by hand."""
    try:
        settings = Settings.load()
    except SettingsError as wrong:
        raise click.ClickException(str(wrong)) from wrong
    heap.share_arenas()
    uvloop.run(_work(settings, HostId(host_id), Epoch(epoch), socket, front))


async def _work(
    settings: Settings, host_id: HostId, epoch: Epoch, socket: Path, front_socket: Path
) -> None:
    """Carry calls until the front is gone, or wants this worker gone."""
    logs.configure(settings.log_level, settings.log_format)
    assert settings.livekit is not None  # noqa: S101 - a server without LiveKit starts no worker
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # The front alone says when: a worker that left on its own would take calls with it.
        loop.add_signal_handler(number, _ignore)
    clock = SystemClock()
    async with channel(front_socket) as to_front, asyncio.TaskGroup() as group:
        front = Front(to_front, host_id, epoch)
        telling = group.create_task(front.run(), name="news")
        async with (
            models_of(settings, front if settings.ephemeral_keys else None) as models,
            rooms_of(settings, settings.livekit, clock) as rooms,
            hosting.carrying(
                settings,
                host_id=host_id,
                front=hosting.Front(
                    directory=front,
                    events=front,
                    reports=front,
                    slots=front,
                    tools=front,
                    spending=front,
                ),
                rooms=rooms,
                models=models,
                clock=clock,
            ) as host,
            Carrier(host, front, clock).serving(socket),
        ):
            gc.freeze()
            await front_is_gone()
            status = host.status()
            _log.info("worker is leaving", calls=status.slots_total - status.slots_free)
        telling.cancel()


def _ignore() -> None:
    """Take no notice of a signal."""
