"""What does every call of a host use?"""

from dataclasses import dataclass

from bridge.media.cleaning import Cleaners
from bridge.ports.budget import SpendingSink
from bridge.ports.clock import Clock
from bridge.ports.egress import Egress
from bridge.ports.model import ModelService
from bridge.ports.placement import DirectoryUpdates
from bridge.ports.recording import Recordings
from bridge.ports.room import RoomService
from bridge.ports.store import EventLog, ReportSink
from bridge.ports.tool import ToolExecutors


@dataclass(frozen=True, slots=True)
class RoomTuning:
    """What LiveKit is told of every room."""

    empty_timeout_s: int
    max_participants: int


@dataclass(frozen=True, slots=True)
class CallServices:
    """What every call of a host uses."""

    host_id: str
    rooms: RoomService
    models: ModelService
    cleaners: Cleaners
    directory: DirectoryUpdates
    events: EventLog
    store: ReportSink
    clock: Clock
    room_tuning: RoomTuning
    tools: ToolExecutors
    spending: SpendingSink
    recordings: Recordings | None
    egress: Egress | None
