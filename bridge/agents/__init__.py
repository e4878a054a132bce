"""The agents: files, validated and watched; and what one of them is for one call."""

from bridge.agents.catalogue import FileCatalogue
from bridge.files.checked import Problem

__all__ = ["FileCatalogue", "Problem"]
