"""The agents: files, validated and watched; and what one of them is for one call."""

from bridge.agents.catalogue import FileCatalogue
from bridge.agents.loader import Problem

__all__ = ["FileCatalogue", "Problem"]
