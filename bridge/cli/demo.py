"""What does all of it look like: `mediabridge demo`, everything at once on this machine."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.status import Status
from rich.text import Text

from bridge import logs
from bridge.agents import FileCatalogue
from bridge.agents.surroundings import Surroundings
from bridge.cli.call import check_picture, show_outcome
from bridge.cli.connecting import refusals_explained
from bridge.cli.display import print_line
from bridge.cli.file_options import agents_option
from bridge.cli.microphone import load_speech
from bridge.cli.placing import CallPlan, place_call
from bridge.cli.running import run, stop_asked_for
from bridge.cli.tooling import surroundings_of
from bridge.client import BridgeClient
from bridge.demo.livekit import NoServer
from bridge.demo.livekit_build import find_or_build
from bridge.demo.page import serve_page
from bridge.demo.processes import PartFailed, guarded
from bridge.demo.stack import SPEECH, Stack, free_port, running_stack
from bridge.demo.web import PageNotBuilt, build_page
from bridge.errors import RoomError
from bridge.ids import TenantId
from bridge.settings import Settings, SettingsError, environment

# Only the bridge opens sessions; here agents are only listed.
_NO_MODEL: Final = ""
_OF_TOOLS: Final = ("MEDIABRIDGE_TOOL_", "TOOL_")
_NO_TENANT: Final = TenantId("")
# Without a terminal a line now and then shows that it goes on.
_PLAIN_PROGRESS_EVERY_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What was asked for."""

    agent_id: str
    agents_dir: Path
    folder: Path
    page_port: int
    once: bool


@click.command("demo")
@click.option("--agent", default="", metavar="ID", help="Which agent answers. Default: the first.")
@agents_option
@click.option(
    "--folder",
    default=Path("var/demo"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where recording, picture and logs go.",
)
@click.option(
    "--port", default=8080, show_default=True, help="The page's port; another where it is taken."
)
@click.option("--once", is_flag=True, help="End after the report, as with DEMO_ONCE=1.")
def command(*, agent: str, agents_dir: Path, folder: Path, port: int, once: bool) -> None:
    """Start LiveKit, a model and the bridge, place a call, and stay up with a page to talk to.

    The model is a simulator unless OPENAI_API_KEY is set. The exit status is 0 only if the caller
    heard the agent.
    """
    console = Console()
    once = once or os.environ.get("DEMO_ONCE", "") not in {"", "0"} or not console.is_terminal
    wishes = _Wishes(agent, agents_dir, folder, port, once)
    check_picture(_picture(folder))
    _log_to(folder / "logs" / "demo.log")
    with refusals_explained():
        try:
            heard = run(demo(wishes, console))
        except (NoServer, PartFailed, RoomError, OSError) as failed:
            raise click.ClickException(str(failed)) from failed
    if not heard:
        raise SystemExit(1)


async def demo(wishes: _Wishes, console: Console) -> bool:
    """Show it; return whether the caller heard the agent."""
    catalogue = FileCatalogue(wishes.agents_dir, _NO_MODEL, _surroundings())
    problems = catalogue.load()
    agents = list(catalogue.summaries(_NO_TENANT).values())
    if not agents:
        listed = "\n".join(map(str, problems))
        raise click.ClickException(f"there is no agent in {wishes.agents_dir}\n{listed}".strip())
    agent_id = wishes.agent_id or agents[0].agent_id
    with console.status("looking for livekit-server") as status:
        binary = await find_or_build(_progress(console, status))

    def tell(what: str) -> None:
        print_line(console, what)

    kept = wishes.folder / "logs"
    async with running_stack(binary, wishes.agents_dir, kept, tell) as stack:
        return await guarded(_show(stack, agent_id, wishes, console), stack.children)


def _surroundings() -> Surroundings:
    """Return what the bridge will let agents' files name; it reads the same environment."""
    of_tools = {name: value for name, value in environment().items() if name.startswith(_OF_TOOLS)}
    # Neither is used where agents are only listed.
    rest = {"LIVEKIT_ENABLED": "false", "OPENAI_BASE_URL": "http://127.0.0.1"}
    try:
        return surroundings_of(Settings.load({**of_tools, **rest}))
    except SettingsError as wrong:
        raise click.ClickException(str(wrong)) from wrong


async def _show(stack: Stack, agent_id: str, wishes: _Wishes, console: Console) -> bool:
    plan = CallPlan(agent_id, load_speech(SPEECH), wishes.folder / "call.wav", "demo caller")
    async with BridgeClient(stack.target) as bridge:
        outcome = await place_call(bridge, plan, console)
        show_outcome(console, plan, outcome, _picture(wishes.folder))
        if not wishes.once:
            await _stay_up(bridge, wishes.page_port, stack.target, console)
    return outcome.hearing.is_sound


async def _stay_up(bridge: BridgeClient, port: int, target: str, console: Console) -> None:
    """Serve the pages until told to stop; without Node the REST API alone."""
    dist = None
    try:
        with console.status("building the pages") as status:
            dist = await build_page(lambda text: status.update(Text(text)))
    except PageNotBuilt as reason:
        print_line(console, f"no page: {reason}")
    async with serve_page(bridge, dist, free_port(port)) as url:
        asked = stop_asked_for()
        print_line(console, "")
        if dist is not None:
            print_line(console, f"Talk to the agent yourself:  {url}")
            print_line(console, f"See every call, and end it:  {url}operator.html")
        print_line(console, f"Or in another terminal:      mediabridge watch --server {target}")
        print_line(console, "Ctrl-C ends the demo.")
        await asked.wait()


def _log_to(file: Path) -> None:
    """Send this process's own log to a file for good: it would be written across the view."""
    file.parent.mkdir(parents=True, exist_ok=True)
    logs.configure("info", "json", file.open("w", buffering=1))


def _picture(folder: Path) -> Path:
    return folder / "call.png"


def _progress(console: Console, status: Status) -> Callable[[float, str], None]:
    """Return what shows a long build: in place on a terminal, else a line now and then."""
    next_line_s = 0.0

    def show(elapsed_s: float, text: str) -> None:
        nonlocal next_line_s
        line = f"{elapsed_s:4.0f} s  {text}"
        if console.is_terminal:
            status.update(Text(line[: console.width - 4]))
        elif elapsed_s >= next_line_s:
            next_line_s = elapsed_s + _PLAIN_PROGRESS_EVERY_S
            print_line(console, line)

    return show
