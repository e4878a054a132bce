"""What is known of a call whose server is killed? The report that was drafted last."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NoReturn, Protocol

from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.host import HostId
from bridge.ports.report import CallReport

_log = get_logger(__name__)

# So much of a report is lost with a server that is killed; of a worker's call, two seconds more.
_EVERY_S: Final = 10.0


class DraftingHost(Protocol):
    """What drafts ask of a host."""

    def drafts(self) -> Iterable[CallReport]: ...


class Drafts:
    """Leaves the reports of live calls with `keep`, as far as they go."""

    def __init__(
        self,
        hosts: Mapping[HostId, DraftingHost],
        keep: Callable[[CallReport], None],
        clock: Clock,
    ) -> None:
        self._hosts = hosts
        self._keep = keep
        self._clock = clock

    async def run(self) -> NoReturn:
        """Draft regularly, until cancelled."""
        while True:
            await self._clock.sleep(_EVERY_S)
            await self.once()

    async def once(self) -> None:
        for host_id, host in list(self._hosts.items()):
            try:
                await self._keep_those_of(host)
            except Exception as error:  # noqa: BLE001 - without drafts calls go on as well
                _log.warning("no drafts", host_id=host_id, error=type(error).__name__)

    async def _keep_those_of(self, host: DraftingHost) -> None:
        for report in host.drafts():
            if not report.complete:
                self._keep(report)
            # Each takes a moment, and there may be hundreds: everything else goes first.
            await asyncio.sleep(0)
