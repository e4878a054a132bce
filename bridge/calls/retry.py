"""When it is worth asking again."""

from typing import Final

from bridge.errors import Unavailable

FULL_RETRY_S: Final = 5.0
"""Calls last minutes: with any number of slots, one is likely to be free this much later."""

ROOM_RETRY_S: Final = 2.0
"""LiveKit restarts within seconds."""

_DRAIN_RETRY_S: Final = 1.0
"""The next front is up already where there is one; this one never will be again."""


def draining() -> Unavailable:
    """Return what a server says that takes no more calls."""
    return Unavailable("SERVER_DRAINING", "this server is shutting down", _DRAIN_RETRY_S)
