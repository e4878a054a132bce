"""How are fields of a JSON object read that somebody else wrote?

Text of the provider never passes: what looks like a code or the name of a parameter does.
"""

import re
from collections.abc import Mapping
from typing import Final

import orjson

Fields = Mapping[str, object]

# What is larger is no time, place or count of a call, and would not fit into what we tell of it.
_MOST: Final = 2**31 - 1

UNREADABLE_CODE: Final = "unrecognised"
_CODE: Final = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,80}")


class MalformedFrame(Exception):
    """A frame that is not what the protocol says it should be. Never leaves bridge.model."""


def parse_object(text: bytes) -> dict[str, object]:
    """
    :raises MalformedFrame: `text` is not a JSON object.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise MalformedFrame("json") from None
    if not isinstance(value, dict):
        raise MalformedFrame("object")
    return value


def error_code(fields: Mapping[str, object]) -> str:
    """Return the code of an error body's or event's `error`: its type where it has no code."""
    error = fields.get("error")
    if not isinstance(error, dict):
        return ""
    return code(error.get("code")) or code(error.get("type"))


def code(value: object) -> str:
    # What does not look like a code may be a sentence, and quote what somebody said.
    if value is None or value == "":
        return ""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else UNREADABLE_CODE


def text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise MalformedFrame(name)
    return value


def number(fields: Fields, name: str) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise MalformedFrame(name)
    # JSON knows one kind of number; a server may write 20.0 and mean 20.
    return int(value)


def nested(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise MalformedFrame(name)
    return value


def optional(fields: Fields, name: str) -> Fields:
    """Return an object that may be missing: what it would have said is left at its default."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def count(details: Fields, name: str) -> int:
    # A wrong count must not cost the call the end of its response.
    value = details.get(name)
    return value if type(value) is int and 0 < value <= _MOST else 0
