"""The benchmark: `make bench`, or `python -m bench --help`."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import click
import uvloop
from rich.console import Console

from bench import environments, loopback, machine, plots, results, tables, talk, turns
from bench.crowd import CallersFailed
from bench.loopback import NoSound
from bench.machine import Load
from bench.results import Failure, Report
from bench.stage import Stage, running_stage
from bench.systems import FLOOR, SYSTEMS, USUAL
from bridge.demo import livekit
from bridge.demo.processes import PartFailed

_ROOT: Final = Path(__file__).parent.parent
_DOCS: Final = _ROOT / "docs"
_RESULTS: Final = Path(__file__).parent / "results"
_PARTS: Final = ("loopback", "talk", "turns")
_LEVELS: Final = (1, 2, 4, 8, 12, 16)
_TURN_LEVELS: Final = (1, 4, 8, 16)
_QUICK: Final = {
    "rounds": 1,
    "calls": (1, 4),
    "seconds": 3.0,
    "repeats": 1,
    "turn_calls": (1, 4),
    "questions": 1,
    "starts": 4,
    "barge_ins": 4,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure, and how long."""

    rounds: int
    calls: tuple[int, ...]
    seconds: float
    repeats: int
    turn_calls: tuple[int, ...]
    questions: int
    starts: int
    barge_ins: int
    pinned: bool
    systems: tuple[str, ...]
    parts: tuple[str, ...]


class Bench:
    """One run: every round measures every system, in alternating order."""

    def __init__(
        self, options: Options, stage: Stage, report: Report, path: Path, console: Console
    ) -> None:
        self._options = options
        self._stage = stage
        self._report = report
        self._path = path
        self._console = console

    async def run(self) -> None:
        done = self._report.rounds(self._options.parts)
        for round_ in range(done, done + self._options.rounds):
            order = list(self._options.systems)
            for name in order if round_ % 2 == 0 else reversed(order):
                try:
                    await self._measure(name, round_)
                except (NoSound, CallersFailed, PartFailed) as failed:
                    self._report.failures.append(Failure(name, round_, str(failed)[-500:]))
                    self._console.print(f"round {round_}: {name} failed: {failed}")
                # Whatever comes next, what was measured is kept.
                self._report.save(self._path)

    async def _measure(self, name: str, round_: int) -> None:
        options, system = self._options, SYSTEMS[name]
        if "loopback" in options.parts:
            rows = loopback.measure(
                system, self._stage, round_, options.calls, options.seconds, options.repeats
            )
            async for row in rows:
                self._report.loopback.append(row)
                self._tell(f"round {round_}: {name}, {row.calls} calls", row.load)
        if "talk" in options.parts and name != FLOOR:
            setups, barge_in = await talk.measure(
                system, self._stage, round_, options.starts, options.barge_ins
            )
            self._report.setup += setups
            self._report.barge_in.append(barge_in)
            self._tell(f"round {round_}: {name}, beginnings and barge-in", barge_in.load)

        if "turns" in options.parts and name != FLOOR:
            answered = turns.measure(
                system, self._stage, round_, options.turn_calls, options.questions
            )
            async for turn in answered:
                self._report.turns.append(turn)
                self._tell(f"round {round_}: {name}, turns of {turn.calls} calls", turn.load)

    def _tell(self, what: str, load: Load) -> None:
        self._console.print(
            f"{what}: {load.ours:.2f} cores are ours, {load.others:.2f} others', "
            f"{load.stolen:.2f} stolen{'' if load.is_ours else ': disturbed'}"
        )


@click.command()
@click.option("--quick", is_flag=True, help="One short round: minutes, and a rough answer.")
@click.option("--impatient", is_flag=True, help="Never wait until the machine is quiet.")
@click.option("--rounds", default=2, show_default=True, help="How often everything is measured.")
@click.option(
    "--calls", multiple=True, type=int, default=_LEVELS, show_default=True, help="Calls at once."
)
@click.option("--seconds", default=5.0, show_default=True, help="How long each level is measured.")
@click.option("--repeats", default=2, show_default=True, help="Calls of each level and round.")
@click.option(
    "--turn-calls",
    multiple=True,
    type=int,
    default=_TURN_LEVELS,
    show_default=True,
    help="Calls at once that take turns.",
)
@click.option("--questions", default=2, show_default=True, help="Questions of each such caller.")
@click.option("--starts", default=8, show_default=True, help="Calls begun in each round.")
@click.option("--barge-ins", default=8, show_default=True, help="Interruptions in each round.")
@click.option(
    "--pinned/--free",
    default=(os.cpu_count() or 1) > 1,
    help="What is measured has a core of its own.",
)
@click.option("--system", "systems", multiple=True, type=click.Choice(tuple(SYSTEMS)))
@click.option("--part", "parts", multiple=True, type=click.Choice(_PARTS))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The results file, if not bench/results/DATE.json.",
)
@click.option("--append", is_flag=True, help="Add rounds to the results file, if it is there.")
@click.option(
    "--plots",
    "plots_dir",
    type=click.Path(path_type=Path),
    help="Where to draw; docs/, unless --out is given.",
)
@click.option(
    "--show", type=click.Path(exists=True, path_type=Path), help="Measure nothing: show this file."
)
def main(
    out: Path | None,
    plots_dir: Path | None,
    show: Path | None,
    systems: tuple[str, ...],
    parts: tuple[str, ...],
    *,
    quick: bool,
    impatient: bool,
    append: bool,
    **numbers: Any,  # noqa: ANN401 - as Options takes them
) -> None:
    """Measure mediabridge next to what else puts bots into rooms, on this machine."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    if show is not None:
        _present(results.load(show), plots_dir, console)
        return
    if quick:
        numbers |= _QUICK
    if impatient:
        machine.PATIENCE.lose()
    options = Options(systems=systems or USUAL, parts=parts or _PARTS, **numbers)
    binary = livekit.find()
    if binary is None:
        raise click.ClickException(f"no livekit-server: name one by {livekit.ENVIRONMENT_NAME}")
    now = datetime.now(UTC)
    path = out or _RESULTS / f"{now:%Y-%m-%d}.json"
    report = _begun(path, append=append) or Report(
        now.isoformat(timespec="seconds"),
        _commit(),
        machine.description() | {"versions": _versions()},
        {name: getattr(options, name) for name in Options.__dataclass_fields__},
    )
    options = replace(options, systems=_installed(options.systems, console))
    uvloop.run(_run(options, report, path, binary, console))
    _present(report, plots_dir or (None if out else _DOCS), console)
    console.print(f"written to {path}")


def _begun(path: Path, *, append: bool) -> Report | None:
    return results.load(path) if append and path.exists() else None


def _versions() -> dict[str, str]:
    """Return what is measured, where that is not ours."""
    found = {"livekit-server": livekit.VERSION, "livekit": metadata.version("livekit")}
    for name, package in (("livekit_agents", "livekit-agents"), ("pipecat", "pipecat-ai")):
        found |= environments.versions(name, package)
    return found


def _installed(systems: tuple[str, ...], console: Console) -> tuple[str, ...]:
    """Return the systems that can be had here: a peer whose packages cannot is left out, aloud."""
    found = []
    for name in systems:
        try:
            if environments.lock_of(name).exists():
                environments.install(name)
        except environments.NotInstalled as missing:
            console.print(f"{name} is left out: {missing}")
        else:
            found.append(name)
    return tuple(found)


async def _run(
    options: Options, report: Report, path: Path, binary: Path, console: Console
) -> None:
    with tempfile.TemporaryDirectory(prefix="mediabridge-bench-") as folder:
        async with running_stage(binary, Path(folder), pinned=options.pinned) as stage:
            await Bench(options, stage, report, path, console).run()


def _present(report: Report, plots_dir: Path | None, console: Console) -> None:
    tables.show(report, console)
    if plots_dir is not None:
        for drawn in plots.draw(report, plots_dir):
            console.print(f"drawn to {drawn}")


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
