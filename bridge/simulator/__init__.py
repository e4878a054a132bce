"""A server that speaks the OpenAI Realtime protocol without a key or a model."""

from bridge.simulator.faults import Faults
from bridge.simulator.script import ScriptError
from bridge.simulator.server import Simulator, serve
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.totals import Totals, Truncation

__all__ = [
    "Faults",
    "ScriptError",
    "Simulator",
    "SimulatorSettings",
    "Totals",
    "Truncation",
    "serve",
]
