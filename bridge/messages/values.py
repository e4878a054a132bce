"""How do whole domain values leave a process? As JSON, by their types.

To other processes of the same release, and to the store, which a later release will read: there a
field may come, if it has a default, and go, but never mean something else. Never to a client: the
API's messages are for those. Nothing is written by hand here, so that a field that a value gains is
carried at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from enum import Enum
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from cattrs import Converter
from cattrs.preconf.orjson import make_converter

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Value = TypeVar("_Value", bound="DataclassInstance")

_TAG: Final = "$type"
_MEMBER: Final = "$member"
"""Of an enum that is itself a member of a union."""


def encode(value: object, declared: Any = None) -> bytes:  # noqa: ANN401 - any type form
    """Return a domain value as JSON; `declared` is the union that it is a member of, if any."""
    payload: bytes = _CONVERTER.dumps(value, declared)
    return payload


def decode(declared: Any, payload: bytes) -> Any:  # noqa: ANN401 - any type form
    """Return the value that `encode` was given.

    :raises ValueError: the payload is not of this type, or another release's.
    """
    try:
        return _CONVERTER.loads(payload, declared)
    except Exception as error:
        raise ValueError(f"no {declared} of this release") from error


def decode_stored(declared: Any, payload: bytes) -> Any:  # noqa: ANN401 - any type form
    """Return a value that this release or an earlier one has encoded.

    :raises ValueError: the payload is not of this type.
    """
    try:
        return _OF_EARLIER_RELEASES.loads(payload, declared)
    except Exception as error:
        raise ValueError(f"no {declared}") from error


class Changes(Generic[_Value]):
    """How values of a class cross to whoever has an earlier one: by the fields that changed."""

    def __init__(self, declared: type[_Value]) -> None:
        self._types = get_type_hints(declared)

    def between(self, before: _Value, after: _Value) -> dict[str, Any]:
        """Return what has changed, by its field, as it goes into JSON."""
        changed = {}
        for name, declared in self._types.items():
            value, earlier = getattr(after, name), getattr(before, name)
            if value is not earlier and value != earlier:
                changed[name] = _CONVERTER.unstructure(value, declared)
        return changed

    def apply(self, before: _Value, changes: Mapping[str, Any]) -> _Value:
        """Return the later value, by what has changed as it comes out of JSON.

        :raises ValueError: the changes are not of this class, or another release's.
        """
        try:
            changed = {
                name: _CONVERTER.structure(value, self._types[name])
                for name, value in changes.items()
            }
            return replace(before, **changed)
        except Exception as error:
            raise ValueError("no changes of this release") from error


def _members(declared: Any) -> list[Any]:  # noqa: ANN401 - any type form
    return [member for member in get_args(declared) if member is not NoneType]


def _is_union_of_values(declared: Any) -> bool:  # noqa: ANN401 - any type form
    if get_origin(declared) not in (Union, UnionType):
        return False
    members = _members(declared)
    return len(members) > 1 and all(
        is_dataclass(member) or (isinstance(member, type) and issubclass(member, Enum))
        for member in members
    )


def _tagged(declared: Any, converter: Converter) -> Callable[[Any], Any]:  # noqa: ANN401, ARG001
    def unstructure(value: Any) -> Any:  # noqa: ANN401 - a member, or None
        if value is None:
            return None
        fields = converter.unstructure(value)
        if isinstance(value, Enum):
            fields = {_MEMBER: fields}
        return {_TAG: type(value).__name__, **fields}

    return unstructure


def _by_tag(declared: Any, converter: Converter) -> Callable[[Any, Any], Any]:  # noqa: ANN401
    of_tag = {member.__name__: member for member in _members(declared)}

    def structure(fields: Any, _: Any) -> Any:  # noqa: ANN401 - a member's fields, or None
        if fields is None:
            return None
        rest = dict(fields)
        member = of_tag[rest.pop(_TAG)]
        return converter.structure(rest.get(_MEMBER, rest), member)

    return structure


def _make_converter(*, forbid_extra_keys: bool) -> Any:  # noqa: ANN401 - the library's type has no public name
    converter = make_converter(forbid_extra_keys=forbid_extra_keys, detailed_validation=False)
    # Otherwise the library leaves them to orjson, which does not see them where they are keys.
    converter.register_unstructure_hook(Enum, lambda member: member.value)
    converter.register_structure_hook_factory(_is_union_of_values)(_by_tag)
    converter.register_unstructure_hook_factory(_is_union_of_values)(_tagged)
    # JSON of no declared shape, such as a schema. A plain hook would take every class.
    converter.register_structure_hook_func(
        lambda declared: declared is object, lambda value, _: value
    )
    return converter


_CONVERTER: Final = _make_converter(forbid_extra_keys=True)
_OF_EARLIER_RELEASES: Final = _make_converter(forbid_extra_keys=False)
