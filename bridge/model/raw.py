"""How do whole text frames get past what websockets does for every frame?

Nearly all that a model sends is whole text frames, fifty a second and call. They are cut out of
what arrives here; all else (the handshake, control frames, fragments, errors) takes the library's
way, a whole frame at a time, so that its parser stands at the beginning of a frame in between.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event, State

if TYPE_CHECKING:
    import asyncio

# FIN, and the opcode of text.
_WHOLE_TEXT: Final = 0x81
# Lengths from here on stand in two bytes of their own, or in eight.
_LENGTH_16: Final = 126
_MASKED: Final = 128

_END_OF_HEADERS: Final = b"\r\n\r\n"
# An answer whose headers are longer is the library's to refuse.
_LONGEST_HEADERS: Final = 65_536


class Malformed(Exception):
    """No frame that a server may send; the library says it better."""


class RawConnection(ClientConnection):
    """A connection with one reader, who calls `next_message` and not `recv`."""

    def __init__(
        self, protocol: ClientProtocol, *, max_waiting_messages: int, **options: object
    ) -> None:
        # What arrives does not wait in the library's queue.
        super().__init__(protocol, **options)  # type: ignore[arg-type]
        self._max_waiting = max_waiting_messages
        self._longest = protocol.max_size or 0
        self._rest = b""
        self._is_open = False
        self._is_broken = False
        self._parts: list[bytes] = []  # of a message in fragments
        self._messages: deque[bytes] = deque()
        self._is_paused = False
        self._reader: asyncio.Future[None] | None = None

    def send_nowait(self, frame: bytes) -> bool:
        """Send one text frame if the socket takes it at once; return whether it did."""
        if self.protocol.state is not State.OPEN or self.paused or self.transport.is_closing():
            return False
        self.protocol.send_text(frame)
        self.send_data()
        return True

    async def next_message(self) -> bytes:
        """Wait for the next message. Cancelling loses nothing.

        While too many wait, nothing is read from the network.

        :raises ConnectionClosed: there is none left and the connection is gone.
        """
        while not self._messages:
            if self.connection_lost_waiter.done():
                raise self.protocol.close_exc from self.recv_exc
            self._reader = self.loop.create_future()
            await self._reader
        if self._is_paused and len(self._messages) <= self._max_waiting // 4:
            self._is_paused = False
            self.transport.resume_reading()
        return self._messages.popleft()

    async def keepalive(self) -> None:
        """Ping at once, too: how far away the model is shall be known in the first turn."""
        await self.ping()
        await super().keepalive()

    def data_received(self, data: bytes) -> None:
        if self._is_broken:
            super().data_received(data)
            return
        if self._rest:
            data = self._rest + data
        at = 0 if self._is_open else self._open(data)
        try:
            while self._is_open and (span := payload_at(data, at, self._longest)):
                start, end = span
                is_open = self.protocol.state is State.OPEN
                if data[at] == _WHOLE_TEXT and is_open and not self._parts:
                    self._take(data[start:end])
                else:
                    super().data_received(data[at:end])
                at = end
        except Malformed:
            self._is_broken = True
            super().data_received(data[at:])
            at = len(data)
        self._rest = data[at:]

    def process_event(self, event: Event) -> None:
        if not (isinstance(event, Frame) and event.opcode in DATA_OPCODES):
            super().process_event(event)
            return
        self._parts.append(bytes(event.data))
        if event.fin:
            self._take(b"".join(self._parts))
            self._parts.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._wake_reader()

    def _open(self, data: bytes) -> int:
        """Take the server's answer to the handshake; return where what follows it begins."""
        end = data.find(_END_OF_HEADERS)
        if end < 0 and len(data) <= _LONGEST_HEADERS:
            return 0
        end = len(data) if end < 0 else end + len(_END_OF_HEADERS)
        super().data_received(data[:end])
        self._is_open = self.protocol.state is State.OPEN
        if not self._is_open:  # a refusal, with whatever body it has
            self._is_broken = True
            super().data_received(data[end:])
            end = len(data)
        return end

    def _take(self, message: bytes) -> None:
        self._messages.append(message)
        if len(self._messages) > self._max_waiting and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def payload_at(data: bytes, at: int, longest: int) -> tuple[int, int] | None:
    """Return where the payload of the frame that begins at `at` lies; None: it is not all there.

    :raises Malformed: it is masked, or longer than `longest`.
    """
    start = at + 2
    if len(data) < start:
        return None
    length = data[at + 1]
    if length >= _MASKED:
        raise Malformed
    if length >= _LENGTH_16:
        start += 2 if length == _LENGTH_16 else 8
        if len(data) < start:
            return None
        length = int.from_bytes(data[at + 2 : start])
    if length > longest:
        raise Malformed
    end = start + length
    return (start, end) if end <= len(data) else None
