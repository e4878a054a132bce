"""The loopback: for benchmarks, every appended chunk comes straight back."""

from collections.abc import Sequence

from bridge.simulator.behaviours.base import Output, Turn


class Loopback:
    """Has no turns and answers nothing; the session sends appended audio back itself."""

    echoes = True

    def transcribe(self, turn: Turn) -> str:  # noqa: ARG002 - the protocol's argument
        """Return nothing: the loopback does not listen."""
        return ""

    def answer(self, turn: Turn) -> Sequence[Output]:  # noqa: ARG002 - the protocol's argument
        """Return nothing: its response is endless and made of what is appended."""
        return ()
