"""How long does garbage collection hold calls up? `python -m bench.collection`, by its policy."""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import uvloop
from rich.console import Console
from rich.table import Table

from bench import machine, sound
from bench.loopback import calls_at_once, prove
from bench.stage import Stage, running_stage
from bench.summary import spread
from bench.systems.mediabridge import Mediabridge
from bridge.demo import livekit

_freeze = gc.freeze


def _nothing() -> None:
    """Leave Python's own ways."""


def _seldom() -> None:
    """Look for garbage a tenth as often, too."""
    _freeze()
    gc.set_threshold(10_000, 20, 50)


# What the server does in the place of its own `gc.freeze`, once it is ready.
_POLICIES: Final[Mapping[str, Callable[[], None]]] = {
    "none": _nothing,
    "freeze": _freeze,
    "freeze, and seldom": _seldom,
}
_POLICY: Final = "BENCH_COLLECTION"
_PAUSES: Final = "BENCH_PAUSES"
_MS_PER_S: Final = 1000
_OLDEST: Final = 2


@dataclass(frozen=True, slots=True)
class _Collections:
    """Generations, and pauses in ms."""

    full_ms: float
    """Of a whole collection, when the server was ready."""
    talking: list[tuple[int, float]]
    """While calls talked."""


async def _measure(policy: str, stage: Stage, calls: int, seconds: float) -> _Collections:
    pauses = stage.folder / "pauses"
    pauses.write_text("")
    system = Mediabridge(
        program=("-m", "bench.collection", "--serve"),
        variables={_POLICY: policy, _PAUSES: str(pauses)},
    )
    async with system.run(stage, "loopback") as running:
        async with calls_at_once(stage, running, 1) as callers:
            await prove(callers)
        async with calls_at_once(stage, running, calls) as callers:
            for number, caller in enumerate(callers):
                caller.prepare(sound.speech(number, seconds, seed=0)[0])
            before = _read(pauses)
            await asyncio.gather(*(caller.say() for caller in callers))
            after = _read(pauses)
    full = [pause_ms for generation, pause_ms in before if generation == _OLDEST]
    return _Collections(full[-1], after[len(before) :])


def _read(pauses: Path) -> list[tuple[int, float]]:
    lines = map(json.loads, pauses.read_text().splitlines())
    return [(generation, pause_ms) for generation, pause_ms in lines]


def _serve() -> None:
    """Be `mediabridge serve`, with the policy that the environment names, and note each pause."""
    from bridge.cli.main import main as mediabridge  # noqa: PLC0415 - of the measured process alone

    began_s = 0.0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal began_s
        if phase == "start":
            began_s = time.perf_counter()
            return
        pause_ms = _MS_PER_S * (time.perf_counter() - began_s)
        out.write(json.dumps((info["generation"], pause_ms)) + "\n")

    def ready() -> None:
        _POLICIES[os.environ[_POLICY]]()
        gc.collect()  # what a full collection costs from now on: it would come sooner or later

    gc.freeze = ready
    with Path(os.environ[_PAUSES]).open("a", buffering=1) as out:
        gc.callbacks.append(note)
        sys.argv = ["mediabridge", "serve"]
        mediabridge()


async def _all(calls: int, seconds: float, console: Console) -> None:
    binary = livekit.find()
    if binary is None:
        raise click.ClickException(f"no livekit-server: name one by {livekit.ENVIRONMENT_NAME}")
    table = Table(
        *("when ready", "a minute", "p50 ms", "most ms", "ms a second", "full collection, ms"),
        title=f"Collections while {calls} calls talk",
    )
    for policy in _POLICIES:
        with tempfile.TemporaryDirectory(prefix="mediabridge-collection-") as folder:
            async with running_stage(binary, Path(folder), pinned=True) as stage:
                found = await _measure(policy, stage, calls, seconds)
        pauses = [pause_ms for _, pause_ms in found.talking]
        known = spread(pauses)
        figures = (known.p50, known.most, sum(pauses) / seconds, found.full_ms)
        often = f"{60 * len(pauses) / seconds:.0f}"
        table.add_row(policy, often, *(f"{each:.2f}" for each in figures))
    console.print(table)
    console.print(machine.description())


@click.command()
@click.option("--calls", default=4, show_default=True)
@click.option("--seconds", default=20.0, show_default=True)
@click.option("--serve", is_flag=True, hidden=True)
def main(calls: int, seconds: float, *, serve: bool) -> None:
    """Measure the pauses of collections under each policy."""
    if serve:
        _serve()
    else:
        uvloop.run(_all(calls, seconds, Console(width=None if sys.stdout.isatty() else 120)))


if __name__ == "__main__":
    main()
