"""How does a call sound: `mediabridge call`, with a recording as the caller."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console

from bridge import logs
from bridge.cli.connecting import Server, client_for, refusals_explained, server_options
from bridge.cli.display import print_line
from bridge.cli.extras import needs_extra
from bridge.cli.file_options import speech_option
from bridge.cli.microphone import UnusableRecording, load_speech
from bridge.cli.placing import CallPlan, Outcome, place_call
from bridge.cli.report_view import render_report
from bridge.cli.running import run
from bridge.errors import RoomError

_FILE = click.Path(dir_okay=False, path_type=Path)


def pairs(
    _context: click.Context, _option: click.Parameter, written: Sequence[str]
) -> Mapping[str, str]:
    """Return what NAME=VALUE options say.

    :raises click.BadParameter: one of them has no "=".
    """
    found: dict[str, str] = {}
    for pair in written:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"must be NAME=VALUE, not {pair}")
        found[name] = value
    return found


@click.command("call")
@server_options
@click.option("--agent", required=True, metavar="ID", help="Which agent answers.")
@speech_option
@click.option(
    "--out",
    default=Path("call.wav"),
    show_default=True,
    type=_FILE,
    help="The stereo recording: the caller left, the agent right.",
)
@click.option("--picture", type=_FILE, help="Draw the call to this .png or .svg file.")
@click.option("--name", default="caller", show_default=True, help="The caller's name.")
@click.option("--language", default="", help='BCP-47, such as "en" or "es-MX".')
@click.option("--tenant", default="", help="Whose call it is.")
@click.option(
    "--variable",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    callback=pairs,
    help="Fills a placeholder of the agent's own; may be given several times.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(1, 3600),
    default=120.0,
    show_default=True,
    help="End the call after this long at the latest.",
)
def command(  # noqa: PLR0913 - one argument an option
    *,
    server: Server,
    agent: str,
    wav: Path,
    out: Path,
    picture: Path | None,
    name: str,
    language: str,
    tenant: str,
    variables: Mapping[str, str],
    max_seconds: float,
) -> None:
    """Place a call: play a recording as the caller, record the answer, print the report.

    The exit status is 0 only if the caller heard the agent.
    """
    console = Console()
    # LiveKit's warnings would be written across the live view; what matters is raised.
    logs.configure("error", "auto")
    check_picture(picture)
    try:
        speech = load_speech(wav)
    except UnusableRecording as wrong:
        raise click.ClickException(str(wrong)) from wrong
    plan = CallPlan(agent, speech, out, name, language, tenant, variables, max_seconds)

    async def call() -> Outcome:
        async with client_for(server) as bridge:
            return await place_call(bridge, plan, console)

    with refusals_explained():
        try:
            outcome = run(call())
        except RoomError as failed:
            raise click.ClickException(str(failed)) from failed
    show_outcome(console, plan, outcome, picture)
    if not outcome.hearing.is_sound:
        raise SystemExit(1)


def check_picture(picture: Path | None) -> None:
    """Refuse a picture that cannot be drawn before the call, not after it."""
    if picture is None:
        return
    with needs_extra("demo", "--picture"):
        from bridge.demo.picture import FORMATS  # noqa: PLC0415 - optional
    if picture.suffix.removeprefix(".").lower() not in FORMATS:
        raise click.UsageError(f"--picture is a .png or .svg file, not {picture}")


def show_outcome(console: Console, plan: CallPlan, outcome: Outcome, picture: Path | None) -> None:
    """Print the report, draw the picture, and say whether the agent was heard."""
    console.print(render_report(outcome.report))
    print_line(console, f"recording: {plan.out} (caller left, agent right)")
    if picture is not None:
        with needs_extra("demo", "--picture"):
            from bridge.demo.picture import draw, marks_of  # noqa: PLC0415 - optional
        call = outcome.report.call
        title = f"{call.agent_id}: {call.connection_id}"
        picture.parent.mkdir(parents=True, exist_ok=True)
        draw(plan.out, marks_of(outcome.report, outcome.began_at), picture, title)
        print_line(console, f"picture:   {picture}")
    print_line(console, f"the caller {outcome.hearing}")
