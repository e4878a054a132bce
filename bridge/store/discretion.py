"""What does memory still know of a call a while after its end? No more than may be kept of it."""

from collections import deque
from typing import Final, NoReturn

from bridge.ids import ConnectionId
from bridge.ports.clock import Clock
from bridge.ports.placement import Directory
from bridge.ports.report import CallReport
from bridge.retention import Retention
from bridge.store.memory import MemoryEventLog, MemoryStore

# So long a gateway may ask for all of it: whoever watched the call has had it by then.
GRACE_S: Final = 60.0
_LOOK_S: Final = 5.0


class DiscreetReports:
    """Implements Store, in memory, and learns from it which calls are over."""

    def __init__(
        self, reports: MemoryStore, events: MemoryEventLog, directory: Directory, clock: Clock
    ) -> None:
        self._reports = reports
        self._events = events
        self._directory = directory
        self._clock = clock
        self._due: deque[tuple[float, ConnectionId, Retention]] = deque()

    async def save(self, report: CallReport) -> None:
        await self._reports.save(report)
        spec = report.view.spec
        if spec.retention is not Retention.ALL:
            due_s = self._clock.monotonic_s() + GRACE_S
            self._due.append((due_s, spec.connection_id, spec.retention))

    async def report(self, connection_id: ConnectionId) -> CallReport | None:
        return await self._reports.report(connection_id)

    async def run(self) -> NoReturn:
        """Forget what is not to be kept, in time, until cancelled."""
        while True:
            await self._clock.sleep(_LOOK_S)
            while self._due and self._due[0][0] <= self._clock.monotonic_s():
                _, connection_id, retention = self._due.popleft()
                await self._forget(connection_id, retention)

    async def _forget(self, connection_id: ConnectionId, retention: Retention) -> None:
        self._reports.reduce(connection_id)
        self._events.reduce(connection_id, retention)
        if retention is Retention.NONE:
            await self._directory.remove(connection_id)
