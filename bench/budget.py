"""Where does the CPU of a call go? By thread, and Python's by stage: `python -m bench.budget`."""

import asyncio
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import click
import uvloop
from rich.console import Console
from rich.table import Table

from bench import functions, machine, sound, threads
from bench.loopback import WARM_UP_S, calls_at_once, prove
from bench.stage import Stage, running_stage
from bench.systems import FLOOR, SYSTEMS
from bench.systems.base import System
from bench.threads import ThreadTimes
from bridge.demo import livekit

# Those whose one process carries calls, in Python that we know.
_SYSTEMS: Final = (FLOOR, "mediabridge")
_MS_PER_S: Final = 1000


@dataclass(slots=True)
class Budget:
    """What one system spends on a call, in ms of CPU a second: one figure a round."""

    threads: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    stages: Counter[str] = field(default_factory=Counter)

    def note(self, used_s: Mapping[str, float], seconds: float, calls: int) -> None:
        for part, cpu_s in used_s.items():
            self.threads[part].append(cpu_s / seconds / calls * _MS_PER_S)

    def of_thread(self, part: str) -> float:
        return median(self.threads[part])

    def of_stage(self, stage: str) -> float:
        """Return a stage's share of what Python's own thread uses."""
        return self.of_thread(threads.PYTHON) * self.stages[stage] / max(1, self.stages.total())

    @property
    def total(self) -> float:
        return median(map(sum, zip(*self.threads.values(), strict=True)))


Budgets = dict[tuple[str, int], Budget]
"""By system and number of calls."""


async def measure(
    system: System, stage: Stage, calls: int, seconds: float, into: Budget, *, sampled: bool
) -> None:
    """Measure one system, started afresh, while every caller talks and is answered without end."""
    async with system.run(stage, "loopback") as running:
        async with calls_at_once(stage, running, 1) as callers:
            await prove(callers)
        async with calls_at_once(stage, running, calls) as callers:
            spoken_s = WARM_UP_S + 2 * seconds
            for number, caller in enumerate(callers):
                caller.prepare(sound.speech(number, spoken_s, seed=0)[0])
            talking = [asyncio.create_task(caller.say()) for caller in callers]
            await asyncio.sleep(WARM_UP_S)
            pid = running.pids[0]
            before, began_s = ThreadTimes.of(pid), asyncio.get_running_loop().time()
            await asyncio.sleep(seconds)
            took_s = asyncio.get_running_loop().time() - began_s
            into.note(ThreadTimes.of(pid).since(before), took_s, calls)
            if sampled:
                into.stages += await functions.sample(pid, seconds - 1, stage.folder)
            await asyncio.gather(*talking)


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often everything is measured.")
@click.option("--calls", multiple=True, type=int, default=(1, 4, 8), show_default=True)
@click.option("--seconds", default=8.0, show_default=True, help="How long each is measured.")
@click.option("--system", "names", multiple=True, type=click.Choice(_SYSTEMS))
@click.option("--stages/--no-stages", default=True, help="Also sample Python's functions.")
def main(
    rounds: int, calls: tuple[int, ...], seconds: float, names: tuple[str, ...], *, stages: bool
) -> None:
    """Measure what a call costs, thread by thread, next to a bare echo bot."""
    binary = livekit.find()
    if binary is None:
        raise click.ClickException(f"no livekit-server: name one by {livekit.ENVIRONMENT_NAME}")
    systems = [SYSTEMS[name] for name in names or _SYSTEMS]
    console = Console()
    budgets: Budgets = defaultdict(Budget)
    for round_ in range(rounds):
        for level in calls:
            for system in systems if round_ % 2 == 0 else reversed(systems):
                budget = budgets[system.name, level]
                uvloop.run(_measure(binary, system, level, seconds, budget, sampled=stages))
                console.print(f"round {round_}: {system.name}, {level} calls")
    for level in calls:
        _show(budgets, [system.name for system in systems], level, console)
    console.print(machine.description())


async def _measure(
    binary: Path, system: System, calls: int, seconds: float, into: Budget, *, sampled: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="mediabridge-budget-") as folder:
        async with running_stage(binary, Path(folder), pinned=False) as stage:
            await measure(system, stage, calls, seconds, into, sampled=sampled)


def _show(budgets: Budgets, systems: list[str], calls: int, console: Console) -> None:
    title = f"{calls} calls: ms of CPU a second and call, median"
    table = Table("", *systems, title=title, title_justify="left")
    known = [budgets[system, calls] for system in systems]
    for part in threads.PARTS:
        table.add_row(part, *(f"{budget.of_thread(part):.1f}" for budget in known))
        if part != threads.PYTHON or not any(budget.stages for budget in known):
            continue
        for stage in functions.STAGES:
            table.add_row(f"  {stage}", *(f"{budget.of_stage(stage):.1f}" for budget in known))
    table.add_row("all", *(f"{budget.total:.1f}" for budget in known))
    console.print(table)


if __name__ == "__main__":
    main()
