"""What makes a microphone better before the model hears it? The seam behind which that happens.

Per microphone, ahead of the mixer: every speaker has a noise and a loudness of its own.
"""

from typing import Protocol

from bridge.ports.agent import NoisePolicy


class Cleaner(Protocol):
    """Cleans one microphone's sound; keeps what it has learnt of the noise between frames."""

    def clean(self, frame: memoryview) -> memoryview:
        """Return the frame cleaned: 48 kHz mono int16 of a whole number of 10 ms, as it came in.

        The result is the caller's to keep. Costs microseconds, not milliseconds: it runs on the
        event loop.
        """
        ...


class Cleaners(Protocol):
    """Makes cleaners, one for each microphone."""

    def cleaner(self, policy: NoisePolicy) -> Cleaner | None:
        """Return what cleans as `policy` says; None where nothing is to be done."""
        ...
