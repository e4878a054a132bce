"""What is a server at, right now: `mediabridge debug`."""

import click
from rich.console import Console

from bridge.cli.connecting import Server, client_for, refusals_explained, server_options
from bridge.cli.display import print_line
from bridge.cli.running import run
from bridge.v1 import admin_service_pb2 as pb

_LEVELS = {
    name.removeprefix("LOG_LEVEL_").lower(): number
    for name, number in pb.LogLevel.items()
    if number
}


@click.group("debug")
def command() -> None:
    """Look into a server that serves. Wants a key of --all-tenants with the scope admin."""


@command.command("tasks")
@server_options
@click.option("--name", default="", help="Only those whose name holds this, such as a call's id.")
def tasks(*, server: Server, name: str) -> None:
    """Show what every task and thread of the server and its workers waits for or does."""

    async def ask() -> pb.DumpTasksResponse:
        async with client_for(server) as bridge:
            return await bridge.dump_tasks()

    console = Console()
    with refusals_explained():
        dumps = run(ask())
    for process in dumps.processes:
        print_line(console, f"{process.name}, pid {process.pid}" if process.pid else process.name)
        if process.problem:
            print_line(console, f"  {process.problem}")
        for kind, stacks in (("task", process.tasks), ("thread", process.threads)):
            for stack in stacks:
                if name in stack.name:
                    print_line(console, f"  {kind} {stack.name}")
                    for frame in stack.frames:
                        print_line(console, f"    {frame}")


@command.command("log-level")
@server_options
@click.argument("level", type=click.Choice(sorted(_LEVELS)))
def log_level(*, server: Server, level: str) -> None:
    """Change how much the server and its workers log, until they stop."""

    async def ask() -> pb.SetLogLevelResponse:
        async with client_for(server) as bridge:
            return await bridge.set_log_level(_LEVELS[level])

    with refusals_explained():
        previous = pb.LogLevel.Name(run(ask()).previous)
    print_line(Console(), f"{level}; it was {previous.removeprefix('LOG_LEVEL_').lower()}")
