"""How are calls' events overheard on their way into the archive?"""

from collections.abc import AsyncGenerator, Callable, Sequence

from bridge.ids import ConnectionId
from bridge.logs import get_logger
from bridge.messages.events import logged
from bridge.ports.event import CallEvent
from bridge.ports.store import EventRecords, LoggedEvent
from bridge.tracebacks import frames_of
from bridge.v1 import event_pb2

_log = get_logger(__name__)

Listener = Callable[[event_pb2.CallEvent], None]


class OverheardEvents:
    """Implements EventLog and EventArchive: tells `listeners` of each event that was kept.

    An event that is told again is heard again. A listener that fails costs its own figures only.
    """

    def __init__(self, kept: EventRecords, listeners: Sequence[Listener]) -> None:
        self._kept = kept
        self._listeners = tuple(listeners)

    async def append(self, event: CallEvent) -> None:
        await self.keep(logged(event))

    async def keep(self, event: LoggedEvent) -> None:
        await self._kept.keep(event)
        message = event_pb2.CallEvent.FromString(event.payload)
        for listener in self._listeners:
            try:
                listener(message)
            except Exception as error:  # noqa: BLE001 - calls go on whether or not they are counted
                _log.error("event not counted", error=type(error).__name__, frames=frames_of(error))

    async def last_sequence(self, connection_id: ConnectionId) -> int:
        return await self._kept.last_sequence(connection_id)

    async def follow(
        self, connection_id: ConnectionId, after: int
    ) -> AsyncGenerator[LoggedEvent, None]:
        return await self._kept.follow(connection_id, after)
