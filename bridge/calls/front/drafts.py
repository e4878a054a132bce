"""What is known of a call whose server is killed? The report that was drafted last."""

from collections.abc import Callable, Mapping
from typing import Final, NoReturn, Protocol

from bridge.ids import ConnectionId
from bridge.logs import get_logger
from bridge.ports.call import CallState
from bridge.ports.clock import Clock
from bridge.ports.host import HostId
from bridge.ports.placement import CallFilter, Directory
from bridge.ports.report import CallReport

_log = get_logger(__name__)

# So much of a report is lost with a server that is killed.
_EVERY_S: Final = 10.0

_LIVE: Final = CallFilter(states=frozenset(CallState) - {CallState.ENDED})
_ALL: Final = 100_000


class ReportingHost(Protocol):
    """What drafts ask of a host."""

    async def report(self, connection_id: ConnectionId) -> CallReport | None: ...


class Drafts:
    """Leaves the reports of live calls with `keep`, as far as they go."""

    def __init__(
        self,
        directory: Directory,
        hosts: Mapping[HostId, ReportingHost],
        keep: Callable[[CallReport], None],
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._hosts = hosts
        self._keep = keep
        self._clock = clock

    async def run(self) -> NoReturn:
        """Draft regularly, until cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            await self.once()

    async def once(self) -> None:
        for view in await self._directory.page(_LIVE, None, _ALL):
            host = self._hosts.get(HostId(view.host_id))
            try:
                report = await host.report(view.connection_id) if host else None
            except Exception as error:  # noqa: BLE001 - without a draft the call goes on as well
                kind = type(error).__name__
                _log.warning("no draft", connection_id=view.connection_id, error=kind)
                continue
            if report is not None and not report.complete:
                self._keep(report)
