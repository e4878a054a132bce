"""What people write: cleaned, bounded, and from humans only."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
from livekit import rtc

from bridge.ids import Identity
from bridge.ports.room_event import ChatReceived, RoomEvent
from bridge.room.chat import MAX_TEXT_BYTES, MAX_TEXTS, ChatInbox, clean
from tests.fakes.clock import settle


class Reader:
    """A text stream that is there at once, or never."""

    def __init__(self, *chunks: str, size: int | None = 0, stuck: bool = False) -> None:
        self.info = SimpleNamespace(size=size)
        self.closed = False
        self._chunks = chunks
        self._stuck = stuck

    async def __aiter__(self) -> AsyncIterator[str]:
        for chunk in self._chunks:
            yield chunk
        if self._stuck:
            await asyncio.Event().wait()

    def close(self) -> None:
        self.closed = True


class Desk:
    """A room with an inbox, and who writes to it."""

    def __init__(self) -> None:
        kinds = rtc.ParticipantKind
        self.events: list[RoomEvent] = []
        people = {
            "ada": kinds.PARTICIPANT_KIND_STANDARD,
            "phone": kinds.PARTICIPANT_KIND_SIP,
            "agent": kinds.PARTICIPANT_KIND_AGENT,
            "bot-1": kinds.PARTICIPANT_KIND_STANDARD,
        }
        self.room = SimpleNamespace(
            remote_participants={
                identity: SimpleNamespace(identity=identity, kind=kind)
                for identity, kind in people.items()
            },
            register_text_stream_handler=self._register,
            unregister_text_stream_handler=lambda _topic: None,
        )
        self.inbox = ChatInbox(cast("rtc.Room", self.room), self.events.append)
        self.inbox.start()

    def _register(self, topic: str, handler: rtc.data_stream.TextStreamHandler) -> None:
        assert topic == "lk.chat"
        self._handler = handler

    async def write(self, identity: str, reader: Reader) -> None:
        self._handler(cast("rtc.TextStreamReader", reader), identity)
        await settle()

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, ChatReceived)]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    await desk.inbox.aclose()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("  Hello. ", "Hello."),
        ("a\r\nb\rc\td", "a\nb\nc\td"),
        ("bell\x07, escape\x1b[31m, null\x00, C1\x9b", "bell, escape[31m, null, C1"),
        ("\x00\x1f \n", ""),
        ("日本語 ok \U0001f600", "日本語 ok \U0001f600"),
    ],
)
def test_control_characters_are_taken_out(written: str, read: str) -> None:
    assert clean(written) == read


async def test_humans_are_read_and_nobody_else(desk: Desk) -> None:
    for identity in ("ada", "phone", "agent", "bot-1", "nobody"):
        reader = Reader("I am ", identity)
        await desk.write(identity, reader)
        assert reader.closed
    assert desk.events == [
        ChatReceived(Identity("ada"), "I am ada"),
        ChatReceived(Identity("phone"), "I am phone"),
    ]
    assert desk.inbox.refused == 3


async def test_a_text_that_is_too_long_is_refused_whole(desk: Desk) -> None:
    fits, large = "x" * MAX_TEXT_BYTES, "x" * (MAX_TEXT_BYTES + 1)
    await desk.write("ada", Reader(fits))
    await desk.write("ada", Reader("", size=len(large)))
    endless = Reader(*[fits] * 2, stuck=True)
    await desk.write("ada", endless)
    assert endless.closed
    assert desk.texts == [fits]
    assert desk.inbox.refused == 2


async def test_a_flood_is_refused(desk: Desk) -> None:
    for _ in range(MAX_TEXTS + 5):
        await desk.write("ada", Reader("more"))
    assert desk.texts == ["more"] * MAX_TEXTS
    assert desk.inbox.refused == 5


async def test_streams_that_never_end_are_few_and_end_with_the_inbox(desk: Desk) -> None:
    readers = [Reader("x", stuck=True) for _ in range(6)]
    for reader in readers:
        await desk.write("ada", reader)
    assert [reader.closed for reader in readers] == [False] * 4 + [True] * 2
    await desk.inbox.aclose()
    assert all(reader.closed for reader in readers)
    assert desk.events == []


async def test_an_empty_text_is_no_text(desk: Desk) -> None:
    await desk.write("ada", Reader(" \x00 "))
    assert desk.events == []
