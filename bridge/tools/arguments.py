"""What a tool is called with, as whoever executes it needs it."""

from typing import Any

import orjson

from bridge.ports.tool import ToolInvocation


class UnusableArguments(Exception):
    """They cannot be put where the agent's file wants them; the text says which, and why."""


def arguments_of(invocation: ToolInvocation) -> dict[str, Any]:
    """
    :raises UnusableArguments: they are no JSON.
    """
    try:
        arguments: dict[str, Any] = orjson.loads(invocation.arguments)
    except ValueError as error:
        raise UnusableArguments("they are no JSON") from error
    return arguments
