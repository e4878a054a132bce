"""Cleaners of microphones: none, and one whose work can be heard."""

from bridge.media.cleaning import Cleaner
from bridge.ports.agent import NoisePolicy


class NoCleaners:
    """Cleans nothing, whatever is asked for."""

    def cleaner(self, policy: NoisePolicy) -> Cleaner | None:  # noqa: ARG002 - the port's
        return None
