"""How is the simulator run: `mediabridge model`."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from bridge import logs
from bridge.cli.running import run
from bridge.simulator import Faults, ScriptError, SimulatorSettings, serve
from bridge.simulator.behaviours import BEHAVIOUR_NAMES


@click.command("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, help="0 takes a free one.")
@click.option(
    "--behaviour",
    type=click.Choice(BEHAVIOUR_NAMES),
    default="parrot",
    show_default=True,
    help="How it answers.",
)
@click.option(
    "--script",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='The file of the behaviour "script".',
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=4.0,
    show_default=True,
    help="How much faster than real time answers are sent; inf for at once.",
)
@click.option(
    "--thinking-ms",
    "first_delta_ms",
    type=click.FloatRange(min=0),
    default=100.0,
    show_default=True,
    help="How long it thinks before it speaks.",
)
@click.option(
    "--max-session-s",
    type=click.FloatRange(min=0, min_open=True),
    default=3600.0,
    show_default=True,
    help="How long a session may last; then it is closed with 1001.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME=VALUE",
    help="A fault on demand, such as drop_after_s=5, on_response=stall, refuse_status=429 or "
    "times=1; can be given several times.",
)
def command(
    host: str,
    port: int,
    faults: tuple[str, ...],
    **options: Any,  # noqa: ANN401 - click has checked them
) -> None:
    """Run a server that speaks the Realtime protocol, without a key and without a model.

    Give mediabridge its address as OPENAI_BASE_URL. Any key is accepted.
    """
    try:
        settings = SimulatorSettings(host=host, port=port, faults=faults_from(faults), **options)
        logs.configure("info", "auto")
        run(serve(settings))
    except (ValueError, ScriptError, OSError) as wrong:
        raise click.ClickException(str(wrong)) from wrong


def faults_from(given: Sequence[str]) -> Faults:
    """Return the faults that NAME=VALUE words name. Raises ValueError for nonsense."""
    words = dict(word.partition("=")[::2] for word in given)
    known = [field.name for field in fields(Faults)]
    for name in words.keys() - known:
        raise ValueError(f"--fault {name}: there is no such fault, only {', '.join(known)}")
    try:
        return TypeAdapter(Faults).validate_python(words)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        raise ValueError(f"--fault {' '.join(map(str, first['loc']))}: {first['msg']}") from wrong
