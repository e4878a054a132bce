"""What has LiveKit told of a room that its bot did not notice?

A bot sees its room by its own connection, which may be the very thing that is broken. News of
LiveKit's are a reason to look: what LiveKit's API then confirms, and the call does not know, it is
told. So news that are late, or of an earlier room of the same name, do no harm. Whoever comes
after the end of a call is put out at once.
"""

import asyncio
from typing import Final, Self, assert_never

from bridge.calls.front.late_rooms import LateRooms
from bridge.calls.front.registry import Registry
from bridge.errors import Refusal, RoomError
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.ports.placement import Directory
from bridge.ports.room import RoomService
from bridge.ports.room_news import HumanCame, HumanWent, RoomNews, RoomOver
from bridge.tracebacks import frames_of

# A bot that works notices within this time, a human's quick return included.
_BOT_FIRST_S: Final = 2.0
# News that wait to be looked into; beyond, they are dropped and counted.
_MOST_WAITING: Final = 1_000

_log = get_logger(__name__)


class SecondSource:
    """Looks into LiveKit's news, each in a task of its own. Leaving drops those that wait."""

    def __init__(
        self,
        rooms: RoomService,
        late_rooms: LateRooms,
        directory: Directory,
        registry: Registry,
        clock: Clock,
    ) -> None:
        self._rooms = rooms
        self._late_rooms = late_rooms
        self._directory = directory
        self._registry = registry
        self._clock = clock
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self.dropped = 0

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await self._group.__aexit__(None, None, None)

    def tell(self, news: RoomNews) -> None:
        """Take news to be looked into; never waits."""
        if len(self._tasks) >= _MOST_WAITING:
            self.dropped += 1
            return
        task = self._group.create_task(self._look_into(news), name="room news")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_into(self, news: RoomNews) -> None:
        try:
            if await self._directory.in_room(news.room_name) is None:
                if isinstance(news, HumanCame):
                    await self._late_rooms.delete(news.room_name)
                return
            await self._clock.sleep(_BOT_FIRST_S)
            placed = await self._directory.in_room(news.room_name)
            if placed is None or not await self._is_so(news):
                return
            host = self._registry.host(placed.host_id)
            if await host.notice(placed.view.connection_id, news):
                _log.warning(
                    "LiveKit told what a bot had not noticed",
                    connection_id=placed.view.connection_id,
                    news=type(news).__name__,
                )
        except (RoomError, Refusal):
            pass  # what nobody confirms is not believed
        except Exception as error:  # noqa: BLE001 - one look that fails must not end all others
            _log.error("news not looked into", error=type(error).__name__, frames=frames_of(error))

    async def _is_so(self, news: RoomNews) -> bool:
        match news:
            case RoomOver(room_name):
                return not await self._rooms.exists(room_name)
            case HumanCame(room_name, identity):
                return identity in await self._rooms.humans(room_name)
            case HumanWent(room_name, identity):
                return identity not in await self._rooms.humans(room_name)
            case _:
                assert_never(news)
