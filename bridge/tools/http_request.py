"""What is sent to an HTTP endpoint that executes a tool."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson

from bridge.ports.tool import ArgumentsIn, HttpExecution, ToolInvocation
from bridge.tool_secrets import Secrets, filled
from bridge.tools.arguments import UnusableArguments, arguments_of

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z0-9_\-]+)\}")
# Each could lead a request to another resource than its path is about.
_CLIMBS: Final = re.compile(r"\.{0,2}|.*[/\\].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent."""

    method: str
    url: str
    """Encoded, and not to be encoded again."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


def request_for(execution: HttpExecution, invocation: ToolInvocation, secrets: Secrets) -> Request:
    """
    :raises UnusableArguments: an argument has a type or a value that has no place in a URL.
    :raises SecretMissing: a header needs a secret that is not there.
    """
    arguments = arguments_of(invocation)
    url = _url(execution.url, arguments)
    headers = {**_about(invocation), **filled(execution.headers, secrets)}
    if execution.arguments_in is ArgumentsIn.QUERY:
        return Request(execution.method, _with_query(url, arguments), headers, None)
    headers["Content-Type"] = "application/json"
    return Request(execution.method, url, headers, orjson.dumps(arguments))


def _url(template: str, arguments: dict[str, Any]) -> str:
    """Fill the placeholders in, and take what was filled in out of the arguments."""
    used: set[str] = set()

    def value(placeholder: re.Match[str]) -> str:
        name = placeholder[1]
        used.add(name)
        text = _text(name, arguments.get(name))
        if _CLIMBS.fullmatch(text):
            raise UnusableArguments(f"{name} is empty, dots, or holds a slash")
        return quote(text, safe="")

    url = _PLACEHOLDER.sub(value, template)
    for name in used:
        del arguments[name]
    return url


def _with_query(url: str, arguments: Mapping[str, Any]) -> str:
    pairs = [
        (name, _text(name, one))
        for name, value in arguments.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    ]
    if not pairs:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(pairs)}"


def _text(name: str, value: object) -> str:
    match value:
        case str():
            return value
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            raise UnusableArguments(f"{name} is no text, number or boolean")


def _about(invocation: ToolInvocation) -> dict[str, str]:
    """Return what the endpoint is told of the call; quoted, for ids may hold anything."""
    told = {
        "Mediabridge-Connection-Id": invocation.connection_id,
        "Mediabridge-Tool-Call-Id": invocation.tool_call_id,
        "Mediabridge-Agent-Id": invocation.agent_id,
        "Mediabridge-Tenant-Id": invocation.tenant_id,
    }
    return {name: quote(value, safe=" @:") for name, value in told.items() if value}
