"""Files of a directory -> agents, and a list of what is wrong with the others."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bridge.agents.prompt import Known
from bridge.agents.schema import AgentFile
from bridge.agents.yaml_tree import Path as FieldPath
from bridge.agents.yaml_tree import Place, Tree, Value, YamlMistake, read_yaml

# Four times the longest prompt, and still nothing to read.
MAX_FILE_BYTES: Final = 262_144
_SUFFIXES: Final = frozenset({".yaml", ".yml"})
_MAX_NAME_CHARS: Final = 64
_FIELDS: Final = tuple(field.alias or name for name, field in AgentFile.model_fields.items())


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in one file. Holds names and rules, never the text of a prompt."""

    file: str
    line: int | None
    column: int | None
    field: str
    message: str

    def __str__(self) -> str:
        place = "" if self.line is None else f":{self.line}:{self.column}"
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}{place}: {field}{self.message}"


class BadAgentFile(Exception):
    """A file that makes no agent."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Tells a changed file from an unchanged one without reading it."""

    mtime_ns: int
    size: int
    inode: int


Stamps = Mapping[str, Stamp]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a directory holds: of each file its agent, or why it makes none."""

    stamps: Stamps
    files: Mapping[str, AgentFile | BadAgentFile]


def stamps_of(directory: Path) -> Stamps:
    """Return the agents' files that are there, by name.

    :raises OSError: the directory cannot be read.
    """
    stamps: dict[str, Stamp] = {}
    for path in sorted(directory.iterdir()):
        if path.suffix not in _SUFFIXES or path.name.startswith("."):
            continue
        try:
            status = path.stat()
        except OSError:  # gone in between, or a link to nothing: reading it will tell
            stamps[path.name] = Stamp(0, 0, 0)
        else:
            stamps[path.name] = Stamp(status.st_mtime_ns, status.st_size, status.st_ino)
    return stamps


def read_directory(directory: Path) -> Reading:
    """Read every agent's file. Blocks.

    :raises OSError: the directory cannot be read.
    """
    # The stamps come first: a file that changes after them is read again next time.
    stamps = stamps_of(directory)
    return Reading(stamps, {name: _read_file(directory / name) for name in stamps})


def read_agent(file: str, raw: bytes) -> AgentFile:
    """
    :raises BadAgentFile: with every problem that can be told at once.
    """
    if len(raw) > MAX_FILE_BYTES:
        raise _bad(file, f"is larger than {MAX_FILE_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(file, "is not UTF-8", Place(raw.count(b"\n", 0, error.start) + 1, 1)) from None
    try:
        tree = read_yaml(text)
    except YamlMistake as mistake:
        raise _bad(file, mistake.message, mistake.place, _written(mistake.path)) from None
    if not isinstance(tree.value, dict):
        raise _bad(
            file, "must be a mapping: agentId: ..., name: ..., instructions: ...", Place(1, 1)
        )
    try:
        return AgentFile.model_validate(tree.value, context=_known(tree.value))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise BadAgentFile([_problem(file, tree, detail) for detail in details]) from None


def _known(file: Mapping[str, Value]) -> Known:
    """Return what the file's templates may name, before anything in it has been checked."""
    variables = file.get("variables")
    names = variables if isinstance(variables, list | dict) else ()
    return Known(bool(file.get("company")), frozenset(n for n in names if isinstance(n, str)))


def _read_file(path: Path) -> AgentFile | BadAgentFile:
    try:
        if not path.is_file():
            return _bad(path.name, "is no file")
        with path.open("rb") as file:
            return read_agent(path.name, file.read(MAX_FILE_BYTES + 1))
    except OSError as error:
        return _bad(path.name, f"cannot be read: {error.strerror}")
    except BadAgentFile as bad:
        return bad


def _bad(file: str, message: str, place: Place | None = None, field: str = "") -> BadAgentFile:
    line, column = (place.line, place.column) if place else (None, None)
    return BadAgentFile([Problem(file, line, column, field, message)])


def _problem(file: str, tree: Tree, detail: ErrorDetails) -> Problem:
    found, absent = _locate(tree, detail["loc"])
    message = str(detail.get("ctx", {}).get("error", detail["msg"]))
    missing = detail["type"] == "missing"
    if missing:
        message = "is required"
    elif detail["type"] == "extra_forbidden":
        message = "is unknown"
        near = difflib.get_close_matches(str(found[-1]), _FIELDS, n=1) if len(found) == 1 else []
        message += f"; did you mean {near[0]}?" if near else ""
    place = tree.places[found]
    return Problem(
        file, place.line, place.column, _written((*found, *absent) if missing else found), message
    )


def _locate(tree: Tree, loc: tuple[int | str, ...]) -> tuple[FieldPath, FieldPath]:
    """Split an error's path into what stands in the file, and the name of a field that does not.

    Between them may be words of pydantic's own, such as the chosen member of a union.
    """
    found: FieldPath = ()
    absent: FieldPath = ()
    for part in loc:
        if (*found, part) in tree.places:
            found, absent = (*found, part), ()
        else:
            absent = (part,)
    return found, absent


def _written(path: FieldPath) -> str:
    words = (str(part) for part in path)
    return ".".join(w if w.isprintable() else repr(w) for w in words)[:_MAX_NAME_CHARS]
