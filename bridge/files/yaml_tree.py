"""One YAML document -> plain values, with the line of each; nothing is ever constructed.

Scalars follow YAML 1.2's core schema, so that `no` (Norwegian) and `off` are words and 1:30 is no
number. Aliases, tags of other types, repeated keys and deep nesting are refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import yaml
from yaml.composer import ComposerError
from yaml.error import Mark
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
Path = tuple[str | int, ...]

# An agent's file needs four levels; each level is a stack frame or three.
_MAX_DEPTH: Final = 16
# Longer ones are no sensible number, and Python refuses to convert thousands of digits.
_MAX_NUMBER_CHARS: Final = 32
_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is in a file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Tree:
    """A document and the place of every key and item in it."""

    value: Value
    places: Mapping[Path, Place]


class YamlMistake(Exception):
    """The text is not the kind of YAML that is read here. Quotes nothing of it but names."""

    def __init__(self, message: str, place: Place | None, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.path = path


def read_yaml(text: str) -> Tree:
    """
    :raises YamlMistake: the first mistake in it.
    """
    try:
        loader = _Composer(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(mark) if mark else None
        raise YamlMistake(error.problem or "is not YAML", place) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise YamlMistake("a character that is not allowed", place) from None
    if node is None:
        raise YamlMistake("is empty", None)
    places: dict[Path, Place] = {}
    return Tree(_value(node, (), places), places)


class _Composer(yaml.SafeLoader):
    """Builds nodes only; its constructors are never called."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    _depth = 0

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(AliasEvent):
            raise self._refusal("aliases (*name) are not supported")
        if self._depth == _MAX_DEPTH:
            raise self._refusal("is nested too deeply")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def _refusal(self, problem: str) -> ComposerError:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        return ComposerError(None, None, problem, event.start_mark)


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("bool", r"true|True|TRUE|false|False|FALSE", tuple("tTfF")),
    ("int", r"[-+]?[0-9]+", tuple("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", tuple("-+.0123456789")),
):
    _Composer.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), list(_first))


def _value(node: Node, path: Path, places: dict[Path, Place]) -> Value:
    places.setdefault(path, _place(node.start_mark))
    if isinstance(node, MappingNode) and node.tag == _TAG + "map":
        return _mapping(node, path, places)
    if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
        return [_value(item, (*path, index), places) for index, item in enumerate(node.value)]
    if isinstance(node, ScalarNode):
        return _scalar(node, path)
    raise YamlMistake("tags (!name) are not supported", _place(node.start_mark), path)


def _mapping(node: MappingNode, path: Path, places: dict[Path, Place]) -> dict[str, Value]:
    mapping: dict[str, Value] = {}
    for key_node, value_node in node.value:
        place = _place(key_node.start_mark)
        key = key_node.value
        if not isinstance(key_node, ScalarNode) or not isinstance(key, str):
            raise YamlMistake("a key must be a word", place, path)
        if key in mapping:
            raise YamlMistake("is given twice", place, (*path, key))
        places[*path, key] = place
        mapping[key] = _value(value_node, (*path, key), places)
    return mapping


def _scalar(node: ScalarNode, path: Path) -> Value:
    text = str(node.value)
    kind = node.tag.removeprefix(_TAG)
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind in {"int", "float"} and len(text) <= _MAX_NUMBER_CHARS:
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:  # an explicit !!int before something else
            pass
    raise YamlMistake("is no value that is read here", _place(node.start_mark), path)


def _place(mark: Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)
