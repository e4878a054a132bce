"""When it is worth asking again."""

from typing import Final

FULL_RETRY_S: Final = 5.0
"""Calls last minutes: with any number of slots, one is likely to be free this much later."""

ROOM_RETRY_S: Final = 2.0
"""LiveKit restarts within seconds."""

DRAIN_RETRY_S: Final = 1.0
"""The next front is up already where there is one; this one never will be again."""
