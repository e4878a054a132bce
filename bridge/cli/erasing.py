"""Who erases calls, and from which disk?"""

from bridge.calls.front.erasure import Erasure
from bridge.calls.front.registry import Registry
from bridge.cli.storing import Records
from bridge.ports.clock import Clock
from bridge.ports.recording import RecordingFiles
from bridge.recording.folder import Folder
from bridge.settings import Settings


def erasure_of(settings: Settings, registry: Registry, records: Records, clock: Clock) -> Erasure:
    return Erasure(registry, records.events, records.eraser, recordings_of(settings), clock)


def recordings_of(settings: Settings) -> RecordingFiles | None:
    """Return the files of the bridge's own recordings; None: it makes none."""
    return None if settings.recordings_dir is None else Folder(settings.recordings_dir)
