"""What has to be gone before a call has never been: sound first, then all that tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.calls.front.registry import Registry
from bridge.errors import NotFound, WrongState
from bridge.ids import ConnectionId, TenantId
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.recording import RecordingFiles
from bridge.ports.store import CallEraser, Erased, EventArchive, EventsTrimmed

_log = get_logger(__name__)

# A worker tells the last event of a call milliseconds behind its end.
_LAST_EVENT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class ErasedCall:
    """What was kept of a call, and is no more."""

    records: Erased
    recordings: Sequence[str]
    """The files that were deleted."""
    recordings_left: Sequence[str]
    """What the report names besides: it lies elsewhere."""


class Erasure:
    """Erases calls that are over, for those who may see them."""

    def __init__(
        self,
        registry: Registry,
        events: EventArchive,
        eraser: CallEraser,
        recordings: RecordingFiles | None,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._events = events
        self._eraser = eraser
        self._recordings = recordings
        self._clock = clock

    async def erase(self, connection_id: ConnectionId, tenant_id: TenantId | None) -> ErasedCall:
        """Erase all that is kept of a call.

        The call can be found until the last step: whatever fails before may be tried again.

        :raises NotFound: no such call.
        :raises WrongState: it has not ended.
        :raises Unavailable: the store, or the disk, does not answer.
        """
        view = await self._registry.view(connection_id, tenant_id)
        if not (view.is_over and await self._is_told_to_the_end(connection_id)):
            raise WrongState(
                "CALL_NOT_ENDED", "the call has not ended", {"connection_id": connection_id}
            )
        named = await self._named_in_report(connection_id, tenant_id)
        recordings: Sequence[str] = ()
        if self._recordings is not None:
            recordings = await self._recordings.erase(view.spec.tenant_id, connection_id)
        records = await self._eraser.erase(connection_id)
        left = [uri for uri in named if uri not in recordings]
        _log.info(
            "call data deleted",
            connection_id=connection_id,
            tenant_id=view.spec.tenant_id,
            events=records.events,
            report=records.report,
            webhooks=records.webhooks,
            recordings=len(recordings),
            recordings_left=len(left),
        )
        return ErasedCall(records, recordings, left)

    async def _is_told_to_the_end(self, connection_id: ConnectionId) -> bool:
        """Wait for what is still told of a call that has ended: it would bring the call back."""
        last = await self._events.last_sequence(connection_id)
        try:
            async with self._clock.timeout(_LAST_EVENT_S):
                async for _ in await self._events.follow(connection_id, last):
                    pass
        except TimeoutError:
            return False
        except (KeyError, EventsTrimmed):  # nothing is kept of them, so nothing is told
            pass
        return True

    async def _named_in_report(
        self, connection_id: ConnectionId, tenant_id: TenantId | None
    ) -> Sequence[str]:
        try:
            report = await self._registry.report(connection_id, tenant_id)
        except NotFound:  # it is not kept, which is no reason to keep the rest
            return ()
        return [recorded.uri for recorded in report.recordings]
