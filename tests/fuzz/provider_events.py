"""Events of the provider made up from the types of its own package, and then made wrong."""

import functools
import typing
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Final

import orjson
from hypothesis import strategies as st
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel

Payload = dict[str, Any]

# Few of each, so that events speak of the same things.
_IDS: Final = st.sampled_from(["a1", "a2", "b1", "b2", ""])
_TEXTS: Final = st.one_of(_IDS, st.text(max_size=20))
_SOUND: Final = st.sampled_from(["AAAA", "AAAAAAAA", "AA==", "A", "/w==", "AAAA" * 2000])
_NAMED: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "delta": st.one_of(_SOUND, _TEXTS),
    "status": st.sampled_from(["completed", "cancelled", "failed", "incomplete", "in_progress"]),
    "metadata": st.dictionaries(st.sampled_from(["request_tag", "x"]), _TEXTS, max_size=2),
    "content_index": st.integers(0, 2),
    "name": st.sampled_from(["hang_up", "lookup", "slow", "nothing"]),
    "arguments": st.sampled_from(["{}", '{"a": 1}', "{", "[]", "null", '{"a": 1e999}']),
}
# What no field is meant to hold.
JUNK: Final = st.one_of(
    st.sampled_from([1e308, 2**64 - 1, -1, 0, 0.5]),
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-1.0, 2**53, "", "\x00", "x" * 5000, [], {}, [[]], [None], {"": {}}]),
    st.text(max_size=10),
)


def event_types() -> list[type[BaseModel]]:
    """Return every type of event that the provider's package knows."""
    union = typing.get_args(RealtimeServerEvent)[0]
    return list(typing.get_args(union))


def type_of(kind: type[BaseModel]) -> str:
    return str(typing.get_args(kind.model_fields["type"].annotation)[0])


@functools.cache
def payloads(kind: type[BaseModel]) -> st.SearchStrategy[Payload]:
    """Make events that are what their type says, optional fields there or not."""
    required = {name: field for name, field in kind.model_fields.items() if field.is_required()}
    optional = {name: f for name, f in kind.model_fields.items() if name not in required}
    return st.fixed_dictionaries(
        {name: _field(name, field.annotation) for name, field in required.items()},
        optional={name: _field(name, field.annotation) for name, field in optional.items()},
    )


def _field(name: str, annotation: Any) -> st.SearchStrategy[Any]:
    if name in _NAMED and typing.get_origin(annotation) is not typing.Literal:
        return _NAMED[name]
    return _IDS if name == "id" or name.endswith("_id") else _of(annotation)


def _of(annotation: Any) -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _of(arguments[0])
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, UnionType):
        return st.one_of(*map(_of, arguments))
    if origin is list:
        return st.lists(_of(arguments[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(_TEXTS, _of(arguments[1]), max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return st.deferred(lambda: payloads(annotation))
    return _OF_PLAIN.get(annotation, st.just({}))


_OF_PLAIN: Final[Mapping[Any, st.SearchStrategy[Any]]] = {
    str: _TEXTS,
    int: st.integers(0, 10_000),
    float: st.floats(0, 10_000),
    bool: st.booleans(),
    NoneType: st.none(),
}


@st.composite
def mutated(draw: st.DrawFn, events: st.SearchStrategy[Payload]) -> bytes:
    """Make frames: an event as it should be, or with one thing wrong, or cut off, or no event."""
    event = draw(events)
    match draw(
        st.sampled_from(["whole", "whole", "replaced", "replaced", "missing", "cut", "raw"])
    ):
        case "replaced":
            where, name = draw(_places(event))
            where[name] = draw(JUNK)
        case "missing":
            where, name = draw(_places(event))
            del where[name]
        case "cut":
            frame = orjson.dumps(event)
            return frame[: draw(st.integers(0, len(frame)))]
        case "raw":
            return draw(st.binary(max_size=60))
    return orjson.dumps(event)


def _places(event: Payload) -> st.SearchStrategy[tuple[Any, Any]]:
    """Return where something stands in an event, at any depth."""
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in entries:
            places.append((value, name))
            if isinstance(inner, dict | list):
                walk(inner)

    walk(event)
    return st.sampled_from(places)
