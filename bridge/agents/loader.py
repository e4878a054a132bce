"""Files of a directory -> agents, and a list of what is wrong with the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bridge.agents.prompt import Known
from bridge.agents.schema import AgentFile
from bridge.agents.surroundings import NOTHING, Surroundings
from bridge.agents.turns import clashes, turns_of
from bridge.files.changes import Stamp, stamp_of
from bridge.files.checked import BadFile, check, mapping_in, problem_at, read, tree_of
from bridge.files.yaml_tree import Value

_SUFFIXES: Final = frozenset({".yaml", ".yml"})

Stamps = Mapping[str, Stamp | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a directory holds: of each file its agent, or why it makes none."""

    stamps: Stamps
    files: Mapping[str, AgentFile | BadFile]


def stamps_of(directory: Path) -> Stamps:
    """Return the agents' files that are there, by name.

    :raises OSError: the directory cannot be read.
    """
    return {
        path.name: stamp_of(path)
        for path in sorted(directory.iterdir())
        if path.suffix in _SUFFIXES and not path.name.startswith(".")
    }


def read_directory(directory: Path, surroundings: Surroundings) -> Reading:
    """Read every agent's file, as these surroundings allow. Blocks.

    :raises OSError: the directory cannot be read.
    """
    # The stamps come first: a file that changes after them is read again next time.
    stamps = stamps_of(directory)
    return Reading(stamps, {name: _read_file(directory / name, surroundings) for name in stamps})


def read_agent(file: str, raw: bytes, surroundings: Surroundings = NOTHING) -> AgentFile:
    """
    :raises BadFile: it makes no agent; with every problem that can be told at once.
    """
    tree = tree_of(file, raw)
    mapping = mapping_in(file, tree, "agentId: ..., name: ..., instructions: ...")
    agent = check(file, tree, AgentFile, _known(mapping, surroundings))
    if found := clashes(turns_of(agent)):
        raise BadFile([problem_at(file, tree, clash.path, clash.problem) for clash in found])
    return agent


def _known(file: Mapping[str, Value], surroundings: Surroundings) -> Known:
    """Return what the file may name, before anything in it has been checked."""
    written = file.get("variables")
    names = written if isinstance(written, list | dict) else ()
    variables = frozenset(name for name in names if isinstance(name, str))
    return Known(bool(file.get("company")), variables, surroundings)


def _read_file(path: Path, surroundings: Surroundings) -> AgentFile | BadFile:
    try:
        return read(path, partial(read_agent, surroundings=surroundings))
    except BadFile as bad:
        return bad
