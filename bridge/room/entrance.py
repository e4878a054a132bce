"""How does a bot come into a room, and whatever becomes of that, out of it again?

Only who joins rooms imports this: it loads WebRTC.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from livekit import rtc

from bridge.errors import RoomError, RoomUnreachable
from bridge.ids import RoomName
from bridge.logs import get_logger
from bridge.ports.clock import Clock
from bridge.room.audio import Audio, best_audio
from bridge.room.bot import RoomBot
from bridge.room.leaving import PutOut, leave

_JOIN_S: Final = 10.0
# One attempt to reach the server; the SDK makes several within `_JOIN_S`.
_SIGNAL_S: Final = 5.0
# A connection attempt that was given up is still seen to its end, for this long at most.
_STRAGGLER_S: Final = 5.0

_log = get_logger(__name__)


class Entrance:
    """The way into the rooms of one LiveKit server."""

    def __init__(self, url: str, clock: Clock, audio: Audio | None = None) -> None:
        self._url = url
        self._clock = clock
        self._audio = audio or best_audio()
        self._stragglers: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """See given-up connections to their end. Idempotent."""
        if self._stragglers:
            await asyncio.wait(self._stragglers, timeout=_STRAGGLER_S)

    @asynccontextmanager
    async def join(
        self,
        room: RoomName,
        token: str,
        why_refused: Callable[[], Awaitable[RoomError]],
        put_out: PutOut | None,
    ) -> AsyncIterator[RoomBot]:
        """See `RoomService.join`.

        :param why_refused: asked where the SDK's error does not tell.
        :param put_out: puts out a human who is still there when the bot leaves; None: they stay.
        """
        connection = rtc.Room()
        try:
            async with asyncio.timeout(_JOIN_S):
                await self._connect(connection, room, token, why_refused)
                self._audio.entered(connection)
                bot = RoomBot(connection, self._audio, self._clock, put_out)
                bot.enter()
        except TimeoutError as error:
            raise RoomUnreachable("LiveKit did not let the bot in in time") from error
        try:
            yield bot
        finally:
            await bot.aclose()

    async def _connect(
        self,
        connection: rtc.Room,
        room: RoomName,
        token: str,
        why_refused: Callable[[], Awaitable[RoomError]],
    ) -> None:
        options = rtc.RoomOptions(auto_subscribe=False, connect_timeout=_SIGNAL_S)
        connecting = asyncio.create_task(
            connection.connect(self._url, token, options), name=f"connect {room}"
        )
        try:
            # A cancelled connect goes on inside the SDK and would leave a bot nobody owns.
            await asyncio.shield(connecting)
        except rtc.ConnectError as error:
            raise await why_refused() from error
        except asyncio.CancelledError:
            straggler = asyncio.create_task(_give_up(connecting, connection), name=f"leave {room}")
            self._stragglers.add(straggler)
            straggler.add_done_callback(self._stragglers.discard)
            raise


async def _give_up(connecting: asyncio.Task[None], connection: rtc.Room) -> None:
    try:
        await connecting
    except rtc.ConnectError:
        return
    _log.info("leaving a room that was joined too late")
    await leave(connection)
