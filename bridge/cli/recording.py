"""Where are a host's calls recorded?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.ports.clock import Clock
from bridge.ports.recording import Recordings
from bridge.recording.recorder import FileRecordings, NoRecordings
from bridge.settings import Settings


@asynccontextmanager
async def recording(settings: Settings, clock: Clock) -> AsyncIterator[Recordings]:
    """Record calls, where there is a place for it, for as long as the context lasts."""
    if settings.recordings_dir is None:
        yield NoRecordings()
        return
    async with FileRecordings(settings.recordings_dir, clock) as recordings:
        yield recordings
