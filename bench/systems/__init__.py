"""All that is measured. A further system is one more adapter here."""

from typing import Final

from bench.systems.base import System
from bench.systems.echo import Echo
from bench.systems.mediabridge import Mediabridge
from bench.systems.peers import LiveKitAgents, Pipecat

SYSTEMS: Final[dict[str, System]] = {
    system.name: system
    for system in (
        Echo(),
        Mediabridge(),
        LiveKitAgents(),
        Pipecat(),
        Mediabridge(1),
        Mediabridge(2),
    )
}
FLOOR: Final = "echo"
USUAL: Final = ("echo", "mediabridge", "livekit_agents", "pipecat")
