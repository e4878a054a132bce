"""The model of the benchmark: the simulator in a process of its own, which notes what it hears.

`loopback` sends every chunk back, and notes each burst as `TIME burst CALLER WORD`. `talker`
speaks without end until it is interrupted, and notes `TIME onset` and `TIME detected`: when the
sound arrived that its voice detection then took for speech, and when it did. `turns` says again
what it was asked, at four times real time, and notes nothing.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from bench.onset import LOUD, OnsetFinder
from bench.sound import BurstFinder
from bridge.pcm import MODEL_RATE_HZ
from bridge.simulator import Simulator, SimulatorSettings
from bridge.simulator.behaviours import Behaviour, Loopback, Output, Speech, Turn
from bridge.simulator.sound import Samples
from bridge.simulator.vad import SpeechStarted, Tuning, VoiceDetector

VOICE_HZ: Final = 1_000.0
_VOICE_AMPLITUDE: Final = 8_000.0
_VOICE_S: Final = 20.0
# Of real time, for answers: about what models do.
_SPEED: Final = 4.0
# As in agents/bench.yaml: the same detector hears the same edges in the same chunk.
TUNING: Final = Tuning(threshold=0.5, prefix_padding_ms=0, silence_duration_ms=200)


class Talker:
    """Answers everything with twenty seconds of one tone."""

    echoes = False

    def __init__(self) -> None:
        time_s = np.arange(round(_VOICE_S * MODEL_RATE_HZ)) / MODEL_RATE_HZ
        sound = _VOICE_AMPLITUDE * np.sin(2 * np.pi * VOICE_HZ * time_s)
        self._voice = sound.astype(np.int16)

    def transcribe(self, _turn: Turn) -> str:
        return "tone"

    def answer(self, _turn: Turn) -> Sequence[Output]:
        return (Speech(self._voice, "tone"),)


class Repeater:
    """Says again what it was asked, from its first sound on.

    A voice detection begins a turn with a window that is silent in part: nobody waits for that.
    """

    echoes = False

    def transcribe(self, _turn: Turn) -> str:
        return "tone"

    def answer(self, turn: Turn) -> Sequence[Output]:
        loud = np.flatnonzero(np.abs(turn.heard) > LOUD)
        return (Speech(turn.heard[loud[0] :], "tone"),) if loud.size else ()


class BurstTrace:
    """Notes the bursts of every session."""

    def __init__(self, trace: TextIO) -> None:
        self._trace = trace
        self._finders: dict[str, BurstFinder] = {}

    def hear(self, session_id: str, samples: Samples) -> None:
        now_s = time.monotonic()
        finder = self._finders.get(session_id)
        if finder is None:
            finder = self._finders[session_id] = BurstFinder(MODEL_RATE_HZ)
        for burst in finder.push(now_s, samples):
            self._trace.write(f"{burst.at_s!r} burst {burst.caller} {burst.word}\n")


class SpeechTrace:
    """Notes when a caller's sound arrives, and when it is known to be speech."""

    def __init__(self, trace: TextIO) -> None:
        self._trace = trace
        self._ears: dict[str, tuple[OnsetFinder, VoiceDetector]] = {}

    def hear(self, session_id: str, samples: Samples) -> None:
        now_s = time.monotonic()
        ears = self._ears.get(session_id)
        if ears is None:
            ears = self._ears[session_id] = OnsetFinder(MODEL_RATE_HZ), VoiceDetector(TUNING)
        onsets, detector = ears
        onset_s = onsets.push(now_s, samples.data)
        if onset_s is not None:
            self._trace.write(f"{onset_s!r} onset\n")
        if any(isinstance(edge, SpeechStarted) for edge in detector.hear(samples)):
            self._trace.write(f"{now_s!r} detected\n")


_MODELS: Final[Mapping[str, Callable[[], Behaviour]]] = {
    "loopback": Loopback,
    "talker": Talker,
    "turns": Repeater,
}


async def serve(port: int, behaviour: str, trace: TextIO) -> None:
    """Serve until cancelled."""
    settings = SimulatorSettings(
        port=port, behaviour=_MODELS[behaviour](), speed=_SPEED, first_delta_ms=0
    )
    match behaviour:
        case "loopback":
            settings = replace(settings, on_append=BurstTrace(trace).hear)
        case "talker":
            settings = replace(settings, on_append=SpeechTrace(trace).hear)
    async with Simulator(settings):
        await asyncio.get_running_loop().create_future()


def main() -> None:
    """Run: `model PORT loopback|talker|turns TRACE`."""
    port, behaviour, trace = sys.argv[1:]
    with Path(trace).open("w", buffering=1) as file:
        asyncio.run(serve(int(port), behaviour, file))


if __name__ == "__main__":
    main()
