"""What do the humans of a room write to the agent? Texts on `lk.chat`, bounded and cleaned."""

import asyncio
import unicodedata
from collections import deque
from collections.abc import Callable
from typing import Final

from livekit import rtc

from bridge.ids import Identity
from bridge.logs import get_logger
from bridge.ports.room_event import ChatReceived, RoomEvent
from bridge.room.kinds import is_human
from bridge.room.names import CHAT_TOPIC

MAX_TEXT_BYTES: Final = 4096
"""A longer text is refused whole: half a question is another question."""
MAX_TEXTS: Final = 10
PER_S: Final = 10.0
"""More texts within this time than MAX_TEXTS, from all humans of the room, are refused."""

_MAX_READING: Final = 4
_READ_S: Final = 5.0
_KEPT_CONTROLS: Final = frozenset("\n\t")

_log = get_logger(__name__)


class ChatInbox:
    """Reads what humans write and emits each text as one event; refuses what is too much."""

    def __init__(self, room: rtc.Room, emit: Callable[[RoomEvent], None]) -> None:
        self._room = room
        self._emit = emit
        self._reading: set[asyncio.Task[None]] = set()
        self._opened_s: deque[float] = deque(maxlen=MAX_TEXTS)
        self._refused = 0

    @property
    def refused(self) -> int:
        return self._refused

    def start(self) -> None:
        self._room.register_text_stream_handler(CHAT_TOPIC, self._on_stream)

    async def aclose(self) -> None:
        """Read no more. Idempotent."""
        self._room.unregister_text_stream_handler(CHAT_TOPIC)
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        participant = self._room.remote_participants.get(identity)
        too_long = (reader.info.size or 0) > MAX_TEXT_BYTES
        if participant is None or not is_human(participant) or too_long or self._is_too_much():
            self._refuse()
            reader.close()  # or the SDK keeps it for as long as the process lives
            return
        # Owned by this object: `aclose` ends it.
        task = asyncio.create_task(self._read(reader, Identity(identity)), name="chat")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    def _is_too_much(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        if len(self._opened_s) == MAX_TEXTS and now_s - self._opened_s[0] < PER_S:
            return True
        if len(self._reading) >= _MAX_READING:
            return True
        self._opened_s.append(now_s)
        return False

    async def _read(self, reader: rtc.TextStreamReader, identity: Identity) -> None:
        try:
            async with asyncio.timeout(_READ_S):
                text = await _whole_text(reader)
        except (rtc.StreamError, TimeoutError):
            text = None
        finally:
            reader.close()
        if text is None:
            self._refuse()
        elif text:
            self._emit(ChatReceived(identity, text))

    def _refuse(self) -> None:
        self._refused += 1
        _log.info("a chat text was refused")


def clean(text: str) -> str:
    """Return the text without control characters other than line breaks and tabs."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in _KEPT_CONTROLS or not _is_control(c)).strip()


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs")


async def _whole_text(reader: rtc.TextStreamReader) -> str | None:
    """Return what was written; None where it is too long."""
    text = ""
    async for chunk in reader:
        text += chunk
        if len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
            return None
    return clean(text)
