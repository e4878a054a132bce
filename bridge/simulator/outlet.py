"""Where a session's events leave: one socket, which a stall can hold back."""

from collections import deque
from typing import Final

import orjson
from aiohttp import WSMsgType, web

from bridge.simulator.wire import JsonObject, new_id

# A minute of answers at the default speed and delta length.
_HELD_FRAMES: Final = 2400


class Outlet:
    """Sends events in the order given; once the socket is gone, to nobody.

    While stalled it holds frames back, at most the newest 2400; older ones are dropped.
    """

    def __init__(self, socket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        self._socket = socket
        self._request = request
        self._held: deque[bytes] = deque(maxlen=_HELD_FRAMES)
        self._stalled = False
        self._answers_pings = True

    async def send(self, event: JsonObject) -> None:
        """Send one event, under an id of its own; waits while the client reads too slowly."""
        event["event_id"] = new_id("event")
        await self._send_frame(orjson.dumps(event))

    async def send_garbage(self, frame: bytes, *, binary: bool = False) -> None:
        """Send a frame as it is."""
        await self._send_frame(frame, WSMsgType.BINARY if binary else WSMsgType.TEXT)

    async def pong(self, payload: bytes) -> None:
        """Answer a ping, unless a stall is there to look like a dead peer."""
        if not self._socket.closed and self._answers_pings:
            await self._socket.pong(payload)

    def stall(self, *, answers_pings: bool) -> None:
        """Send nothing from now on."""
        self._stalled = True
        self._answers_pings = answers_pings

    async def resume(self) -> None:
        """Send what was held back, then go on as usual."""
        self._stalled, self._answers_pings = False, True
        while self._held and not self._stalled:
            await self._send_frame(self._held.popleft())

    async def close(self, code: int, reason: str = "") -> None:
        """Close the WebSocket with a close frame."""
        await self._socket.close(code=code, message=reason.encode())

    def abort(self) -> None:
        """Cut the TCP connection, without a close frame."""
        if self._request.transport:
            self._request.transport.abort()

    async def _send_frame(self, frame: bytes, opcode: WSMsgType = WSMsgType.TEXT) -> None:
        if self._stalled:
            self._held.append(frame)
            return
        if self._socket.closed:
            return
        try:
            await self._socket.send_frame(frame, opcode)
        except ConnectionError:
            # The reader finds out too, and ends the session.
            return
