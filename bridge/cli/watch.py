"""What goes on over there: `mediabridge watch`, all calls at once or one call's events."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta

import click
from rich.console import Console
from rich.live import Live

from bridge.cli.calls_view import calls_lines, render_calls
from bridge.cli.connecting import Server, client_for, refusals_explained, server_options
from bridge.cli.display import Display, display_for, print_line
from bridge.cli.report_view import render_report
from bridge.cli.running import run
from bridge.client import BridgeCallError, BridgeClient
from bridge.v1.telemetry_pb2 import CallTelemetry


@click.command("watch")
@click.argument("connection_id", required=False)
@server_options
@click.option("--tenant", default="", help="Only this tenant's calls.")
@click.option("--after", default=0, show_default=True, help="Only events behind this number.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 60),
    help="Seconds between figures. Default: 0.5 on a terminal, else 5.",
)
def command(
    *,
    connection_id: str | None,
    server: Server,
    tenant: str,
    after: int,
    interval: float | None,
) -> None:
    """Watch all live calls and their figures, or one call's events until it ends.

    CONNECTION_ID is what CreateRoom returned. Breaking off with Ctrl-C ends no call.
    """
    console = Console()
    every = timedelta(seconds=interval or (0.5 if console.is_terminal else 5.0))

    async def watch() -> None:
        async with client_for(server) as bridge:
            if connection_id:
                await watch_one(bridge, connection_id, after, every, console)
            else:
                await watch_all(bridge, tenant, every, console)

    with refusals_explained():
        run(watch())


async def watch_one(
    bridge: BridgeClient, connection_id: str, after: int, every: timedelta, console: Console
) -> None:
    """Show one call's events until it has ended, then its report."""
    report = None
    with display_for(console, connection_id) as display:
        figures = asyncio.create_task(
            show_figures(bridge, connection_id, every, display), name="figures"
        )
        try:
            async with aclosing(bridge.watch(connection_id, after)) as events:
                async for event in events:
                    display.event(event)
                    if event.HasField("ended"):
                        report = event.ended.report
        finally:
            figures.cancel()
            await asyncio.wait({figures})
    if report is not None:
        console.print(render_report(report))


async def show_figures(
    bridge: BridgeClient, connection_id: str, every: timedelta, display: Display
) -> None:
    """Show a call's figures as long as they come; a call is watched without them as well."""
    try:
        async with aclosing(bridge.telemetry(connection_id, interval=every)) as answers:
            async for answer in answers:
                for sample in answer.samples:
                    display.telemetry(sample)
    except BridgeCallError:
        return


async def watch_all(
    bridge: BridgeClient, tenant_id: str, every: timedelta, console: Console
) -> None:
    """Show all live calls until broken off."""
    if not console.is_terminal:
        async with aclosing(bridge.telemetry(tenant_id=tenant_id, interval=every)) as answers:
            async for answer in answers:
                _print_all(console, answer.samples)
        return
    with Live(console=console, auto_refresh=False, screen=False) as live:
        async with aclosing(bridge.telemetry(tenant_id=tenant_id, interval=every)) as answers:
            async for answer in answers:
                live.update(render_calls(answer.samples, await bridge.stats()), refresh=True)


def _print_all(console: Console, samples: Sequence[CallTelemetry]) -> None:
    for text in calls_lines(samples):
        print_line(console, text)
