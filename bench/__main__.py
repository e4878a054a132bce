"""The benchmark: `make bench`, or `python -m bench --help`."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import uvloop
from rich.console import Console

from bench import loopback, machine, plots, results, tables, talk
from bench.machine import Load
from bench.results import Report
from bench.stage import Stage, running_stage
from bench.systems import SYSTEMS
from bridge.demo import livekit

_ROOT: Final = Path(__file__).parent.parent
_DOCS: Final = _ROOT / "docs"
_RESULTS: Final = Path(__file__).parent / "results"
_PARTS: Final = ("loopback", "talk")


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure, and how long."""

    rounds: int
    calls: tuple[int, ...]
    seconds: float
    repeats: int
    starts: int
    barge_ins: int
    systems: tuple[str, ...]
    parts: tuple[str, ...]


class Bench:
    """One run: every round measures every system, in alternating order."""

    def __init__(self, options: Options, stage: Stage, report: Report, console: Console) -> None:
        self._options = options
        self._stage = stage
        self._report = report
        self._console = console

    async def run(self) -> None:
        for round_ in range(self._options.rounds):
            order = list(self._options.systems)
            for name in order if round_ % 2 == 0 else reversed(order):
                if "loopback" in self._options.parts:
                    await self._loopback(name, round_)
            if "talk" in self._options.parts:
                await self._talk(round_)

    async def _loopback(self, name: str, round_: int) -> None:
        options = self._options
        rows = loopback.measure(
            SYSTEMS[name], self._stage, round_, options.calls, options.seconds, options.repeats
        )
        async for row in rows:
            self._report.loopback.append(row)
            self._tell(f"round {round_}: {name}, {row.calls} calls", row.load)

    async def _talk(self, round_: int) -> None:
        options = self._options
        setup, barge_in = await talk.measure(self._stage, round_, options.starts, options.barge_ins)
        self._report.setup.append(setup)
        self._report.barge_in.append(barge_in)
        self._tell(f"round {round_}: setting up calls", setup.load)
        self._tell(f"round {round_}: barge-in", barge_in.load)

    def _tell(self, what: str, load: Load) -> None:
        self._console.print(
            f"{what}: {load.ours:.2f} cores are ours, {load.others:.2f} others', "
            f"{load.stolen:.2f} stolen{'' if load.is_ours else ': disturbed'}"
        )


@click.command()
@click.option("--rounds", default=3, show_default=True, help="How often everything is measured.")
@click.option(
    "--calls", multiple=True, type=int, default=(1, 2, 4), show_default=True, help="Calls at once."
)
@click.option("--seconds", default=6.0, show_default=True, help="How long each level is measured.")
@click.option("--repeats", default=4, show_default=True, help="Calls of each level and round.")
@click.option("--starts", default=20, show_default=True, help="Calls created in each round.")
@click.option("--barge-ins", default=12, show_default=True, help="Interruptions in each round.")
@click.option("--system", "systems", multiple=True, type=click.Choice(tuple(SYSTEMS)))
@click.option("--part", "parts", multiple=True, type=click.Choice(_PARTS))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The results file, if not bench/results/DATE.json.",
)
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
    **numbers: int,
) -> None:
    """Measure mediabridge next to a bare echo bot, on this machine."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    if show is not None:
        _present(results.load(show), plots_dir, console)
        return
    options = Options(systems=systems or tuple(SYSTEMS), parts=parts or _PARTS, **numbers)  # type: ignore[arg-type]
    binary = livekit.find()
    if binary is None:
        raise click.ClickException(f"no livekit-server: name one by {livekit.ENVIRONMENT_NAME}")
    now = datetime.now(UTC)
    report = Report(
        now.isoformat(timespec="seconds"),
        _commit(),
        machine.description(),
        {name: getattr(options, name) for name in Options.__dataclass_fields__},
    )
    uvloop.run(_run(options, report, binary, console))
    path = out or _RESULTS / f"{now:%Y-%m-%d}.json"
    report.save(path)
    _present(report, plots_dir or (None if out else _DOCS), console)
    console.print(f"written to {path}")


async def _run(options: Options, report: Report, binary: Path, console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="mediabridge-bench-") as folder:
        async with running_stage(binary, Path(folder)) as stage:
            await Bench(options, stage, report, console).run()


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
