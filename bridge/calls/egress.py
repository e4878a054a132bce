"""What does LiveKit Egress record of one call, and until when?"""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from bridge.calls.record import CallRecord
from bridge.errors import RoomError
from bridge.logs import get_logger
from bridge.ports.call import CallSpec
from bridge.ports.egress import Egress, EgressJob, EgressTarget
from bridge.ports.event import RecordingFinished, RecordingStarted
from bridge.tracebacks import frames_of

if TYPE_CHECKING:
    from bridge.ports.recording import Recorded

_log = get_logger(__name__)

EGRESS_FAILED: Final = "egress_failed"


class CallEgress:
    """One call's recordings by Egress. What goes wrong with them never ends the call."""

    def __init__(self, spec: CallSpec, record: CallRecord, egress: Egress, *, paused: bool) -> None:
        self._target = EgressTarget(spec.room_name, spec.connection_id, spec.tenant_id)
        self._record = record
        self._egress = egress
        self._paused = paused
        self._parts = 0
        self._jobs: dict[str, EgressJob] = {}
        self._known: dict[str, Recorded] = {}
        self._changed = asyncio.Event()

    async def keep_up(self) -> None:
        """Record what there is to be recorded, as it comes and goes, until cancelled."""
        while True:
            self._changed.clear()
            try:
                if self._paused:
                    await self._finish(tuple(self._jobs.values()))
                else:
                    await self._begin()
            except Exception as error:  # noqa: BLE001 - a recorder ends no call, whatever it says
                self._warn(error)
            await self._changed.wait()

    def look_again(self) -> None:
        """Note that there may be more to be recorded."""
        self._changed.set()

    def pause(self, paused: bool) -> None:
        """Stop what is recorded; going on begins another file, for Egress cannot pause."""
        self._paused = paused
        self._changed.set()

    async def finish(self) -> None:
        """Stop all that is recorded."""
        try:
            await self._finish(tuple(self._jobs.values()))
        except Exception as error:  # noqa: BLE001 - as above
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        if isinstance(error, RoomError):
            self._record.warn(EGRESS_FAILED, str(error))
        else:
            _log.error("egress failed", error=type(error).__name__, frames=frames_of(error))
            self._record.warn(EGRESS_FAILED, f"a defect: {type(error).__name__}")

    async def _begin(self) -> None:
        tracks = frozenset(job.track_sid for job in self._jobs.values())
        if not self._jobs:
            self._parts += 1
        for job in await self._egress.begin(self._target, self._parts, tracks):
            self._jobs[job.egress_id] = job
            self._known[job.egress_id] = job.recorded
            self._record.recording_is(partial(self._known.__getitem__, job.egress_id))
            self._record.tell(RecordingStarted(job.recorded.uri, job.recorded.format))

    async def _finish(self, jobs: Iterable[EgressJob]) -> None:
        """Stop them at the same time: each may take its own time to answer.

        :raises RoomError: one of them did not stop.
        """
        finished = [self._finish_one(job) for job in jobs]
        outcomes = await asyncio.gather(*finished, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _finish_one(self, job: EgressJob) -> None:
        # Asked once: one that does not stop ends with its room.
        del self._jobs[job.egress_id]
        self._known[job.egress_id] = recorded = await self._egress.finish(job)
        self._record.tell(RecordingFinished(recorded))
