"""What of the world outside may an agent's file name: servers, secrets, programs?"""

from dataclasses import dataclass, field
from typing import Final

from bridge.destinations import Destinations


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an operator has allowed; without a word of theirs, nothing."""

    destinations: Destinations = field(default_factory=Destinations)
    secrets: frozenset[str] = frozenset()
    """Their names."""
    mcp: bool = False
    """The library is there."""
    programs: bool = False
    """MCP servers that are programs may be started."""
    recordings: bool = False
    """There is a place for them."""


NOTHING: Final = Surroundings()
