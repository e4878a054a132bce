"""Tones: answers the tone it heard with one an octave higher, so that tests can tell who spoke."""

from collections.abc import Sequence
from typing import Final

from bridge.simulator.behaviours.base import Output, Speech, Turn
from bridge.simulator.sound import dominant_hz, tone

# Nothing above this survives 24 kHz audio unharmed.
_HIGHEST_HZ: Final = 11_000.0


class Tones:
    """Answers a tone of f with a tone of 2f; with nothing heard, with `greeting_hz`."""

    echoes = False

    def __init__(self, *, duration_ms: float = 1000, greeting_hz: float = 1000) -> None:
        self._duration_ms = duration_ms
        self._greeting_hz = greeting_hz

    def transcribe(self, turn: Turn) -> str:
        """Return "tone 440 Hz", or "silence"."""
        heard_hz = dominant_hz(turn.heard)
        return "silence" if heard_hz is None else _name(heard_hz)

    def answer(self, turn: Turn) -> Sequence[Output]:
        """Return one tone whose transcript names it."""
        heard_hz = dominant_hz(turn.heard)
        answer_hz = self._greeting_hz if heard_hz is None else min(2 * heard_hz, _HIGHEST_HZ)
        return (Speech(tone(answer_hz, self._duration_ms), _name(answer_hz)),)


def _name(frequency_hz: float) -> str:
    return f"tone {round(frequency_hz)} Hz"
