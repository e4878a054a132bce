"""Recordings in memory: what calls have recorded, at once and by the test's own time."""

from collections.abc import Sequence

from bridge.errors import RecordingError
from bridge.ids import ConnectionId, TenantId
from bridge.media.level import Samples
from bridge.media.stereo import StereoTimeline
from bridge.pcm import ROOM_RATE_HZ
from bridge.ports.recording import OnTrouble, Recorded, RecordingPlan, RecordingTrouble, Tape


class FakeTape:
    """A `Tape` that keeps all until it is finished."""

    def __init__(
        self, uri: str, plan: RecordingPlan, starts_s: float, on_trouble: OnTrouble
    ) -> None:
        self._uri = uri
        self._plan = plan
        self._timeline = StereoTimeline(starts_s)
        self._on_trouble = on_trouble
        self._rows: Samples | None = None

    @property
    def uri(self) -> str:
        return self._uri

    @property
    def rows(self) -> Samples:
        """What was recorded, once it is finished: callers left, agent right."""
        assert self._rows is not None, "the recording is not finished"
        return self._rows

    def hear(self, pcm: memoryview, arrived_s: float) -> None:
        self._timeline.hear(bytes(pcm), arrived_s)

    def speak(self, pcm: memoryview, starts_s: float) -> None:
        self._timeline.speak(bytes(pcm), starts_s)

    def cut(self, at_s: float) -> None:
        self._timeline.cut(at_s)

    def so_far(self) -> Recorded:
        rows = 0 if self._rows is None else len(self._rows)
        return Recorded(
            self._uri,
            self._plan.format,
            rows / ROOM_RATE_HZ,
            rows * 4,
            channels=2,
            complete=self._rows is not None,
        )

    async def finish(self, at_s: float) -> Recorded:
        if self._rows is None:
            self._rows = self._timeline.take(at_s)
        return self.so_far()

    def suffer(self, trouble: RecordingTrouble) -> None:
        self._on_trouble(trouble)


class FakeRecordings:
    """`Recordings` that can have no place, and their `RecordingFiles`."""

    def __init__(self) -> None:
        self.tapes: list[FakeTape] = []
        self.have_a_place = True

    async def begin(
        self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        plan: RecordingPlan,
        starts_s: float,
        on_trouble: OnTrouble,
    ) -> Tape:
        if not self.have_a_place:
            raise RecordingError("no place")
        uri = _uri(tenant_id, connection_id)
        self.tapes.append(FakeTape(uri, plan, starts_s, on_trouble))
        return self.tapes[-1]

    async def erase(self, tenant_id: TenantId, connection_id: ConnectionId) -> Sequence[str]:
        uri = _uri(tenant_id, connection_id)
        erased = [tape.uri for tape in self.tapes if tape.uri == uri]
        self.tapes = [tape for tape in self.tapes if tape.uri != uri]
        return erased


def _uri(tenant_id: TenantId, connection_id: ConnectionId) -> str:
    return f"memory:{tenant_id}/{connection_id}"
