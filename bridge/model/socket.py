"""How do frames get to the server and back? One WebSocket, with a deadline on everything."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, cast

from websockets.asyncio.client import connect as websocket
from websockets.client import ClientProtocol

from bridge.model.provider import Provider
from bridge.model.raw import RawConnection
from bridge.model.settings import RealtimeSettings

# After an abort the loop needs a few turns to let go of the socket; never longer.
_ABORT_S: Final = 1.0

# At DEBUG, websockets writes every frame and the key to the log. This logger never gets there.
_LOGGER: Final = logging.getLogger("bridge.model.websocket")
_LOGGER.setLevel(logging.WARNING)


class ModelSocket:
    """A connected WebSocket."""

    def __init__(self, connection: RawConnection, settings: RealtimeSettings) -> None:
        self._connection = connection
        self._send_deadline_s = settings.send_deadline_s
        self._close_deadline_s = settings.close_deadline_s

    @property
    def round_trip_ms(self) -> float | None:
        """The last ping's, None before the first."""
        return self._connection.latency * 1000 or None

    def send_nowait(self, frame: bytes) -> bool:
        """Send one text frame if the socket takes it at once; return whether it did."""
        return self._connection.send_nowait(frame)

    async def send(self, frame: bytes) -> None:
        """Send one text frame. Once cancelled, it may have gone out or not.

        :raises ConnectionClosed: the socket is closed.
        :raises TimeoutError: the socket does not drain.
        """
        async with asyncio.timeout(self._send_deadline_s):
            await self._connection.send(frame, text=True)

    async def receive(self) -> bytes:
        """Wait for the next frame. Cancelling loses nothing.

        :raises ConnectionClosed: there is none left and the socket is closed.
        """
        return await self._connection.next_message()

    def abort(self) -> None:
        """Drop the connection without a word; `receive` ends once it has given all it had."""
        self._connection.transport.abort()

    async def aclose(self) -> None:
        """Say goodbye and close, or drop the connection when the deadline passes."""
        try:
            async with asyncio.timeout(self._close_deadline_s):
                await self._connection.close()
        except TimeoutError:
            pass  # the peer does not answer, or does not even read
        finally:
            await self.drop()

    async def wait_closed(self) -> None:
        """Wait until the connection is gone, whoever ended it."""
        await self._connection.wait_closed()

    async def drop(self) -> None:
        """Abort, and wait until nothing is left of the connection."""
        self.abort()
        async with asyncio.timeout(_ABORT_S):
            await self._connection.wait_closed()


class _StayingWebsocket(websocket):
    """Goes nowhere else: whoever it would be sent on to must not get the key."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


async def connect(
    provider: Provider, model: str, headers: Mapping[str, str], settings: RealtimeSettings
) -> ModelSocket:
    """Connect to the provider. Has no deadline of its own: it belongs to the whole opening.

    :raises Exception: whatever websockets or the network say; see `failures`.
    """
    opened: list[RawConnection] = []

    def create_connection(protocol: ClientProtocol, **options: object) -> RawConnection:
        opened.append(
            RawConnection(protocol, max_waiting_messages=settings.max_waiting_messages, **options)
        )
        return opened[-1]

    await _StayingWebsocket(
        provider.session_url(model),
        additional_headers=provider.headers(headers),
        compression=None,  # base64 of sound does not shrink enough to be worth the CPU
        max_size=settings.max_message_bytes,
        open_timeout=None,
        close_timeout=settings.close_deadline_s,
        ping_interval=settings.ping_interval_s,
        ping_timeout=settings.ping_timeout_s,
        logger=_LOGGER,
        # It is called as the class that it is declared to be would be.
        create_connection=cast("type[RawConnection]", create_connection),
    )
    return ModelSocket(opened[-1], settings)
