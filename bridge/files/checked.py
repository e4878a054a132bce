"""One YAML file -> a checked value, or every mistake in it with its place."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from bridge.files.yaml_tree import Path as FieldPath
from bridge.files.yaml_tree import Place, Tree, Value, YamlMistake, read_yaml

# Four times the longest prompt, and still nothing to read.
MAX_FILE_BYTES: Final = 262_144
_MAX_NAME_CHARS: Final = 64


class Part(BaseModel):
    """A mapping in a file: only what it names may stand there, as the type that it names."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )


_Part = TypeVar("_Part", bound=Part)
_Read = TypeVar("_Read")


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


class BadFile(Exception):
    """A file that cannot be used."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def read(path: Path, parse: Callable[[str, bytes], _Read]) -> _Read:
    """Return what `parse` makes of a file's name and content. Blocks.

    :raises BadFile: it cannot be read, or `parse` says so.
    """
    try:
        if not path.is_file():
            raise bad_file(path.name, "is no file")
        with path.open("rb") as file:
            return parse(path.name, file.read(MAX_FILE_BYTES + 1))
    except OSError as error:
        raise bad_file(path.name, f"cannot be read: {error.strerror}") from None


def tree_of(file: str, raw: bytes) -> Tree:
    """
    :raises BadFile: it is no YAML of the kind that is read here.
    """
    if len(raw) > MAX_FILE_BYTES:
        raise bad_file(file, f"is larger than {MAX_FILE_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place(raw.count(b"\n", 0, error.start) + 1, 1)
        raise bad_file(file, "is not UTF-8", place) from None
    try:
        return read_yaml(text)
    except YamlMistake as mistake:
        raise bad_file(file, mistake.message, mistake.place, _written(mistake.path)) from None


def check(file: str, tree: Tree, part: type[_Part], context: object = None) -> _Part:
    """
    :raises BadFile: with every mistake that can be told at once.
    """
    try:
        return part.model_validate(tree.value, context=context)
    except ValidationError as error:
        known = [field.alias or name for name, field in part.model_fields.items()]
        details = error.errors(include_url=False, include_input=False)
        raise BadFile([_problem(file, tree, detail, known) for detail in details]) from None


def mapping_in(file: str, tree: Tree, example: str) -> dict[str, Value]:
    """Return the file's mapping.

    :raises BadFile: it holds something else.
    """
    if not isinstance(tree.value, dict):
        raise bad_file(file, f"must be a mapping: {example}", Place(1, 1))
    return tree.value


def problem_at(file: str, tree: Tree, path: FieldPath, message: str) -> Problem:
    """Return a mistake at the place of a field, or of the nearest mapping around it."""
    found, _ = _locate(tree, path)
    place = tree.places[found]
    return Problem(file, place.line, place.column, _written(path), message)


def bad_file(file: str, message: str, place: Place | None = None, field: str = "") -> BadFile:
    line, column = (place.line, place.column) if place else (None, None)
    return BadFile([Problem(file, line, column, field, message)])


def _problem(file: str, tree: Tree, detail: ErrorDetails, known: Sequence[str]) -> Problem:
    found, absent = _locate(tree, detail["loc"])
    message = str(detail.get("ctx", {}).get("error", detail["msg"]))
    missing = detail["type"] == "missing"
    if missing:
        message = "is required"
    elif detail["type"] == "extra_forbidden":
        message = "is unknown"
        near = difflib.get_close_matches(str(found[-1]), known, n=1) if len(found) == 1 else []
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
