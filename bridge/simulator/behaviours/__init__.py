"""Which behaviours exist, by the names that settings use."""

from typing import Final

from bridge.simulator.behaviours.base import (
    Behaviour,
    HangUp,
    Output,
    Speech,
    ToolCall,
    ToolOutput,
    Turn,
)
from bridge.simulator.behaviours.loopback import Loopback
from bridge.simulator.behaviours.parrot import Parrot
from bridge.simulator.behaviours.script import Script
from bridge.simulator.behaviours.tones import Tones

BEHAVIOUR_NAMES: Final = ("parrot", "tones", "loopback", "script")

__all__ = [
    "BEHAVIOUR_NAMES",
    "Behaviour",
    "HangUp",
    "Loopback",
    "Output",
    "Parrot",
    "Script",
    "Speech",
    "Tones",
    "ToolCall",
    "ToolOutput",
    "Turn",
]
