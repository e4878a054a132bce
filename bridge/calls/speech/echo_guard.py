"""Is what the callers' microphones hear the agent itself? In its first speech it may be.

Echo cancellers need a while of the far end's sound to learn. Until then the agent would hear
itself, take it for a caller, and stop.
"""

from typing import Final

from bridge.calls.speech.ears import Deaf, Gate

# The way of the sound to a loudspeaker, through the room, and back.
_ECHO_S: Final = 0.3
# What a sum of frames may be off by.
_NOTHING_S: Final = 0.001


class EchoGuard:
    """Closes the gate around the first speech of a call, `guard_s` of it in all."""

    def __init__(self, gate: Gate, guard_s: float) -> None:
        self._gate = gate
        self._left_s = guard_s

    def plays(self, at_s: float, frame_s: float) -> None:
        """Note that the agent will be heard from a moment on, for a frame."""
        guarded_s = min(frame_s, self._left_s)
        if guarded_s > _NOTHING_S:
            self._left_s -= guarded_s
            self._gate.close(Deaf.ECHO, at_s + guarded_s + _ECHO_S)
