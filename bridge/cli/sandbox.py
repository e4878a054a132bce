"""What do a gateway's tests run against: `mediabridge sandbox`, all of it on free ports."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from bridge import logs
from bridge.cli.file_options import agents_option
from bridge.cli.running import run
from bridge.demo.livekit import NoServer
from bridge.demo.livekit_build import find_or_build
from bridge.demo.processes import PartFailed, guarded
from bridge.demo.stack import running_stack
from bridge.simulator import ScriptError

_FREE_PORT: Final = 0
_OURS: Final = ("MEDIABRIDGE_", "LIVEKIT_", "OPENAI_")
# A test's caller may be a program that has yet to start, on a machine that is busy with others.
_PATIENT: Final = {"MEDIABRIDGE_DEFAULT_JOIN_TIMEOUT": "120"}


@click.command("sandbox")
@agents_option
@click.option(
    "--folder",
    default=Path("var/sandbox"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the logs go.",
)
@click.option(
    "--webhook",
    "webhook_url",
    default="",
    metavar="URL",
    help="Where LiveKit sends its webhooks. Default: nowhere.",
)
@click.option(
    "--script",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the model says and does. Default: it says back what it hears.",
)
def command(*, agents_dir: Path, folder: Path, webhook_url: str, script: Path | None) -> None:
    """Run LiveKit, a simulated model and the bridge until standard input closes.

    Prints one line of JSON once all of it is ready: "target" is where gRPC is served, the rest is
    LiveKit's, with keys that are good for this run only. Ports are free ones of this machine, and
    no setting of the environment has an effect, so that any number of test runs can go on at a
    time.
    """
    logs.configure("warning", "auto")
    try:
        run(sandbox(agents_dir, folder, webhook_url, script))
    except (NoServer, PartFailed, ScriptError, OSError) as failed:
        raise click.ClickException(str(failed)) from failed


async def sandbox(
    agents_dir: Path, folder: Path, webhook_url: str = "", script: Path | None = None
) -> None:
    """Run it until standard input closes.

    :raises ScriptError: the script cannot be used.
    :raises NoServer: there is no LiveKit server, and none can be built.
    :raises PartFailed: a part did not start, or ended.
    """
    binary = await find_or_build(_progress)
    environ = own_environment(os.environ) | _PATIENT
    stack = running_stack(
        binary,
        agents_dir,
        folder,
        _say,
        port=_FREE_PORT,
        webhook_url=webhook_url,
        script=script,
        environ=environ,
    )
    async with stack as running:
        started = {
            "target": running.target,
            "livekitUrl": running.livekit.url,
            "livekitApiKey": running.livekit.api_key,
            "livekitApiSecret": running.livekit.api_secret,
        }
        print(json.dumps(started), flush=True)
        await guarded(_input_closed(), running.children)


def own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what would make one run differ from the next."""
    return {name: value for name, value in environ.items() if not name.startswith(_OURS)}


async def _input_closed() -> None:
    """Wait until nobody holds the other end of standard input."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        while await reader.read(1024):
            pass  # whatever is written there means nothing
    finally:
        transport.close()


def _progress(elapsed_s: float, line: str) -> None:
    _say(f"building livekit-server, {elapsed_s:.0f} s: {line}")


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
