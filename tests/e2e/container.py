"""A Containerfile's steps, run without a container: each RUN as it stands, below a folder."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

# Folders that the file names, and that stand below the test's own folder instead.
_MOVED: Final = re.compile(r"((?<![\w./])|(?<=sqlite:///))/(?=(?:src|opt|etc|run|var)(?:/|\b))")


@dataclass(slots=True)
class Stage:
    """From one FROM to the next."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """Return what an instruction says that counts once."""
        return [said for name, said in self.steps if name == instruction][-1]

    def words(self, instruction: str) -> list[str]:
        """Return an instruction's JSON form."""
        words: list[str] = json.loads(self.last(instruction)[self.last(instruction).index("[") :])
        return words

    def environment(self) -> dict[str, str]:
        said = " ".join(words for name, words in self.steps if name == "ENV")
        return dict(pair.split("=", 1) for pair in said.split())


def stages(containerfile: str) -> list[Stage]:
    found: list[Stage] = []
    for name, said in _instructions(containerfile):
        if name == "FROM":
            found.append(Stage(said))
        else:
            found[-1].steps.append((name, said))
    return found


def moved(text: str, root: Path) -> str:
    """Return the text with the image's folders below `root`."""
    return _MOVED.sub(f"{root}/", text)


async def build(stage: Stage, root: Path) -> None:
    """Copy and run as the stage says. Whatever a cache of this machine holds is not fetched."""
    folder = root / "src"
    folder.mkdir(parents=True)
    for name, said in stage.steps:
        if name == "COPY":
            _copy(said, folder)
        elif name == "RUN":
            await _run(moved(said, root), folder, os.environ)


def copy_in(stage: Stage, root: Path) -> None:
    """Copy what a later stage takes from here; what another stage made is where it shall be."""
    for name, said in stage.steps:
        if name == "VOLUME":
            Path(moved(said, root)).mkdir(parents=True)
        if name == "COPY" and not said.startswith("--from"):
            _copy(moved(said, root), root)


def _copy(said: str, folder: Path) -> None:
    """Copy folders to where they shall be, and files into the folder that ends in a slash."""
    *sources, target = said.split()
    for source in (ROOT / one for one in sources):
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / target, ignore=ignore)
        else:
            assert target.endswith("/")
            (folder / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / target)


async def _run(command: str, folder: Path, environment: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-euc", command, cwd=folder, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, problems = await process.communicate()
    assert process.returncode == 0, f"{command}\n{problems.decode()}"


def _instructions(containerfile: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in containerfile.splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, said = line.partition(" ")
            yield name, " ".join(said.split())
