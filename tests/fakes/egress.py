"""LiveKit Egress in memory: what it records of which room, and what goes wrong with it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.ports.egress import EgressJob, EgressTarget
from bridge.ports.recording import Recorded, RecordingFormat, RecordingSource

if TYPE_CHECKING:
    from bridge.ids import RoomName


class FakeEgress:
    """An `Egress`; in `rooms` stands what each room has: one composite, or tracks."""

    def __init__(self, *, tracks: bool = False) -> None:
        self._tracks = tracks
        self.audio_tracks: dict[RoomName, list[str]] = {}
        """What a test has put into each room, where tracks are recorded."""
        self.running: dict[str, EgressJob] = {}
        self.failure: Exception | None = None
        self._begun = 0

    async def begin(
        self, target: EgressTarget, part: int, without: frozenset[str]
    ) -> tuple[EgressJob, ...]:
        self._check()
        sids = self.audio_tracks.get(target.room_name, []) if self._tracks else [""]
        return tuple(self._job(target, part, sid) for sid in sids if sid not in without)

    async def finish(self, job: EgressJob) -> Recorded:
        self._check()
        del self.running[job.egress_id]
        return replace(job.recorded, duration_s=1.0, size_bytes=1000, complete=True)

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _job(self, target: EgressTarget, part: int, sid: str) -> EgressJob:
        self._begun += 1
        uri = f"egress:{target.tenant_id}/{target.connection_id}-{part}{sid}.ogg"
        recorded = Recorded(
            uri, RecordingFormat.OGG_OPUS, 0.0, 0, channels=2, source=RecordingSource.EGRESS
        )
        job = EgressJob(f"EG_{self._begun}", recorded, sid)
        self.running[job.egress_id] = job
        return job
