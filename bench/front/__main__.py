"""What does a front bear, with simulated workers? `python -m bench.front --help`."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import orjson
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.front.load import Creations, Moment, Watchers, create, moment, slow_watchers
from bench.front.worker import RATE_FILE
from bench.stage import free_port, python, whole
from bridge.client import BridgeClient
from bridge.demo.stack import is_serving

_RESULTS: Final = Path(__file__).parent.parent / "results"
_AGENTS: Final = Path(__file__).parent.parent / "agents"
_READY_S: Final = 60.0
# A caller of an answering agent: a turn of twenty events every ten seconds.
_EVENTS_PER_S: Final = 2.0
_THROUGHPUTS: Final = (1000.0, 2000.0, 4000.0, 8000.0)
_WORKERS: Final = 5
_TARGET_CALLS: Final = 500
_SLOW: Final = 100
_HEALTHY: Final = 10


class Front:
    """A running front, and what drives it."""

    def __init__(self, pid: int, client: BridgeClient, target: str, rate: Path) -> None:
        self.pid = pid
        self.client = client
        self.target = target
        self._rate = rate
        self.calls: list[str] = []

    async def talk(self, events_per_s: float) -> None:
        """Let so many events a second happen in each call."""
        self._rate.write_text(str(events_per_s))
        await asyncio.sleep(2)  # workers look once a second

    async def observe(self, what: str, seconds: float, watchers: Watchers | None = None) -> Moment:
        return await moment(what, self.pid, self.client, len(self.calls), seconds, watchers)

    async def grow_to(self, calls: int) -> Creations:
        """Create calls until there are so many."""
        creations, made = await create(self.client, calls - len(self.calls), len(self.calls))
        self.calls += made
        return creations


@asynccontextmanager
async def running_front(calls: int, folder: Path, *, stored: bool) -> AsyncIterator[Front]:
    """Run a front with workers for so many calls: it on one core, all else on the others."""
    me, core = psutil.Process(), None
    before = me.cpu_affinity()
    if len(before) > 1:
        *rest, core = before
        me.cpu_affinity(rest)
    rate, target = folder / "rate", f"127.0.0.1:{free_port()}"
    rate.write_text("0")
    try:
        async with AsyncExitStack() as parts:
            serving = python(
                [sys.executable, "-m", "bench.front.server"],
                folder / "front.log",
                LIVEKIT_SERVER_URL="ws://127.0.0.1:9",  # nobody is there, and nobody is asked
                LIVEKIT_API_KEY="simulated",
                LIVEKIT_API_SECRET="s" * 32,
                OPENAI_API_KEY="none",
                MEDIABRIDGE_LISTEN=target,
                MEDIABRIDGE_WORKERS=str(_WORKERS),
                MEDIABRIDGE_SLOTS=str(-(-calls // _WORKERS)),
                MEDIABRIDGE_AGENTS_DIR=str(_AGENTS),
                MEDIABRIDGE_LOG_LEVEL="WARNING",
                MEDIABRIDGE_DRAIN_TIMEOUT="0",
                # Workers share a core with all who drive the front: late is not dead here.
                MEDIABRIDGE_WORKER_SILENCE="30s",
                MEDIABRIDGE_STORE_URL=f"sqlite:///{folder / 'calls.db'}" if stored else "memory:",
                **{RATE_FILE: str(rate)},
            )
            child = await parts.enter_async_context(whole(serving))
            await child.ready(lambda: is_serving(target), _READY_S)
            if core is not None:
                _pin(child.pid, core)
            client = await parts.enter_async_context(BridgeClient(target))
            yield Front(child.pid, client, target, rate)
    finally:
        me.cpu_affinity(before)


def _pin(pid: int, core: int) -> None:
    """Keep every thread of the front, and none of its workers, on one core."""
    for thread in psutil.Process(pid).threads():
        psutil.Process(thread.id).cpu_affinity([core])


async def measure(
    levels: list[int], seconds: float, console: Console, *, stored: bool
) -> dict[str, object]:
    """Measure a front while calls are added to it."""
    creations: list[Creations] = []
    moments: list[Moment] = []

    def tell(seen: Moment) -> None:
        moments.append(seen)
        console.print(f"{seen.calls} calls, {seen.what}: {seen.cores:.3f} cores")

    with tempfile.TemporaryDirectory(prefix="mediabridge-front-") as name:
        async with running_front(levels[-1], Path(name), stored=stored) as front:
            for calls in levels:
                creations.append(await front.grow_to(calls))
                console.print(f"{calls} calls: {creations[-1].per_s:.0f} a second")
                tell(await front.observe("calls are there", seconds))
                if calls == _TARGET_CALLS:
                    await _what_passes_through(front, seconds, tell)
            async with Watchers.of(front.client, front.calls[:_HEALTHY]) as watchers:
                for events_per_s in _THROUGHPUTS:
                    await front.talk(events_per_s / len(front.calls))
                    what = f"{events_per_s:.0f} events/s, figures, {_HEALTHY} watchers"
                    tell(await front.observe(what, seconds, watchers))
    return {
        "creations": [asdict(each) for each in creations],
        "moments": [asdict(each) for each in moments],
    }


async def _what_passes_through(
    front: Front, seconds: float, tell: Callable[[Moment], None]
) -> None:
    await front.talk(_EVENTS_PER_S)
    tell(await front.observe("events", seconds))
    async with Watchers.of(front.client, []) as figures:
        tell(await front.observe("events, telemetry of all", seconds, figures))
    async with Watchers.of(front.client, front.calls[:_HEALTHY]) as watchers:
        tell(await front.observe(f"... and {_HEALTHY} watchers", seconds, watchers))
        async with slow_watchers(front.target, front.calls[_HEALTHY : _HEALTHY + _SLOW]):
            await asyncio.sleep(seconds)  # until their streams are full
            what = f"... and {_SLOW} who read nothing"
            tell(await front.observe(what, seconds, watchers))
    await front.talk(0)


@click.command()
@click.option("--quick", is_flag=True, help="Up to 500 calls, a minute.")
@click.option(
    "--stored/--in-memory", default=True, help="With SQLite behind it, as by default, or without."
)
@click.option("--seconds", default=8.0, show_default=True, help="How long each state is measured.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="If not bench/results/DATE-front.json."
)
def main(seconds: float, out: Path | None, *, quick: bool, stored: bool) -> None:
    """Measure the front of a server with simulated workers: a simulation, not calls."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    now = datetime.now(UTC)
    levels = [100, _TARGET_CALLS] if quick else [100, _TARGET_CALLS, 1000, 2500, 5000]
    found = uvloop.run(measure(levels, seconds, console, stored=stored))
    report = {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine.description(),
        "stored": stored,
        **found,
    }
    kind = "front" if stored else "front-in-memory"
    path = out or _RESULTS / f"{now:%Y-%m-%d}-{kind}.json"
    path.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    show(report, console)
    console.print(f"written to {path}")


def show(report: dict[str, Any], console: Console) -> None:
    created = Table("calls in all", "a second", "p50 ms", "p99 ms", title="CreateRoom, 16 at once")
    for each in report["creations"]:
        columns = (each["calls"], each["per_s"], each["p50_ms"], each["p99_ms"])
        created.add_row(*(f"{value:.0f}" for value in columns))
    console.print(created)
    seen = Table(
        "calls",
        "what passes",
        "cores",
        "MB",
        "events/s",
        "figures/s",
        "delay p50 / p99 ms",
        "all workers",
    )
    for each in report["moments"]:
        seen.add_row(
            f"{each['calls']:.0f}",
            str(each["what"]),
            f"{each['cores']:.3f}",
            f"{each['mb']:.0f}",
            f"{each['events_per_s']:.0f}",
            f"{each['figures_per_s']:.0f}",
            f"{each['delay_p50_ms']:.0f} / {each['delay_p99_ms']:.0f}",
            f"{each['workers_cores']:.2f}",
        )
    console.print(seen)


if __name__ == "__main__":
    main()
