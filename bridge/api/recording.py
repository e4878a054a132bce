"""What does a request want of a call's recording?"""

from collections.abc import Mapping
from typing import Final

from bridge.api.violations import Violations
from bridge.ports.recording import RecordingChange, RecordingFormat
from bridge.v1 import call_pb2, call_service_pb2

_FORMATS: Final[Mapping[int, RecordingFormat | None]] = {
    call_pb2.RECORDING_FORMAT_UNSPECIFIED: None,
    call_pb2.RECORDING_FORMAT_WAV: RecordingFormat.WAV,
    call_pb2.RECORDING_FORMAT_OGG_OPUS: RecordingFormat.OGG_OPUS,
}


def recording(
    request: call_service_pb2.CreateRoomRequest | call_service_pb2.JoinRoomRequest,
    wrong: Violations,
) -> RecordingChange | None:
    """Return what is wanted; None where the request says nothing."""
    if not request.HasField("recording"):
        return None
    asked = request.recording
    if asked.format not in _FORMATS:
        wrong.add("recording.format", "unknown value")
    change = RecordingChange(
        enabled=asked.enabled if asked.HasField("enabled") else None,
        format=_FORMATS.get(asked.format),
        paused=asked.paused if asked.HasField("paused") else None,
    )
    if change.enabled is False and (change.format or change.paused is not None):
        wrong.add("recording.enabled", "the other fields have no effect where it is false")
    return change
