"""Does every call end in time? Cuts those that do not: the last resort."""

from typing import Final, Protocol

from bridge.ids import ConnectionId
from bridge.logs import get_logger
from bridge.ports.clock import Clock

_log = get_logger(__name__)

_EVERY_S: Final = 30.0


class WatchedHost(Protocol):
    """What the watchdog asks of a host."""

    def overdue(self) -> list[ConnectionId]: ...

    def abort(self, connection_id: ConnectionId) -> None: ...


class Watchdog:
    """Watches the calls of this process. A call is only ever over its own time."""

    def __init__(self, host: WatchedHost, clock: Clock) -> None:
        self._host = host
        self._clock = clock

    async def run(self) -> None:
        """Look regularly, until cancelled."""
        while True:
            self.once()
            await self._clock.sleep(_EVERY_S)

    def once(self) -> None:
        for connection_id in self._host.overdue():
            _log.error("call is overdue and is cut", connection_id=connection_id)
            self._host.abort(connection_id)
