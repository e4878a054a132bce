"""However a server's bytes are cut into pieces, its messages arrive whole and in order."""

import asyncio
import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from bridge.model.raw import Malformed, RawConnection, payload_at

LONGEST = 70_000


class Wire(asyncio.Transport):
    """The client's end of a network that is not there: what it writes goes to the server."""

    def __init__(self) -> None:
        super().__init__()
        self.server = ServerProtocol()
        self.reading = True
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.server.receive_data(bytes(data))

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return False

    def abort(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def said(self) -> bytes:
        """Return what the server has sent since this was last asked."""
        return b"".join(self.server.data_to_send())


class Line:
    """A connection whose handshake is answered, but not read yet."""

    def __init__(self, max_waiting_messages: int = 1000) -> None:
        self.wire = Wire()
        protocol = ClientProtocol(parse_uri("ws://model/"), max_size=LONGEST)
        self.connection = RawConnection(
            protocol, max_waiting_messages=max_waiting_messages, ping_interval=None
        )
        self.connection.connection_made(self.wire)
        protocol.send_request(protocol.connect())
        self.connection.send_data()
        (request,) = self.server.events_received()
        assert isinstance(request, Request)
        self.server.send_response(self.server.accept(request))

    @property
    def server(self) -> ServerProtocol:
        return self.wire.server

    def hears(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self.connection.data_received(piece)

    async def messages(self, count: int) -> list[bytes]:
        return [await self.connection.next_message() for _ in range(count)]


Say = Callable[[ServerProtocol], list[bytes]]


def _whole(size: int) -> Say:
    def say(server: ServerProtocol) -> list[bytes]:
        server.send_text(b"x" * size)
        return [b"x" * size]

    return say


def _in_fragments(sizes: list[int]) -> Say:
    def say(server: ServerProtocol) -> list[bytes]:
        server.send_text(b"f", fin=False)
        for size in sizes:
            server.send_continuation(b"f" * size, fin=False)
            server.send_ping(b"between")
        server.send_continuation(b"", fin=True)
        return [b"f" * (1 + sum(sizes))]

    return say


def _ping(server: ServerProtocol) -> list[bytes]:
    server.send_ping(b"there?")
    return []


SAYINGS = st.lists(
    st.one_of(
        st.sampled_from([0, 1, 125, 126, 1300, 65_535, 65_536]).map(_whole),
        st.lists(st.integers(0, 200), max_size=3).map(_in_fragments),
        st.just(_ping),
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(SAYINGS, st.lists(st.integers(0, 200_000), max_size=12))
def test_messages_arrive_however_they_are_cut(sayings: list[Say], cuts: list[int]) -> None:
    async def check() -> None:
        line = Line()
        expected = [message for say in sayings for message in say(line.server)]
        stream = line.wire.said()
        places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
        pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
        line.hears(pieces)
        assert await line.messages(len(expected)) == expected
        pongs = [e for e in line.server.events_received() if isinstance(e, Frame)]
        assert all(pong.opcode is Opcode.PONG for pong in pongs)
        assert bool(pongs) == (b"there?" in stream or b"between" in stream)

    asyncio.run(check())


async def test_what_is_sent_arrives_as_one_text_frame() -> None:
    line = Line()
    line.hears([line.wire.said()])
    assert line.connection.send_nowait(b'{"type":"x"}')
    (frame,) = line.server.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, frame.data) == (Opcode.TEXT, b'{"type":"x"}')


async def test_a_full_or_closing_socket_takes_nothing() -> None:
    line = Line()
    assert not line.connection.send_nowait(b"before the handshake")
    line.hears([line.wire.said()])
    line.connection.pause_writing()
    assert not line.connection.send_nowait(b"full")
    line.connection.resume_writing()
    line.wire.close()
    assert not line.connection.send_nowait(b"closing")
    assert line.server.events_received() == []


async def test_nothing_is_read_while_too_many_messages_wait() -> None:
    line = Line(max_waiting_messages=4)
    for _ in range(5):
        _whole(1)(line.server)
    line.hears([line.wire.said()])
    assert not line.wire.reading
    await line.messages(4)
    assert not line.wire.reading
    await line.messages(1)
    assert line.wire.reading


async def test_a_reader_learns_of_the_end_behind_the_last_message() -> None:
    line = Line()
    _whole(3)(line.server)
    line.server.send_close(1001, "going away")
    line.hears([line.wire.said()])
    line.connection.connection_lost(None)
    assert await line.messages(1) == [b"xxx"]
    with pytest.raises(ConnectionClosed) as closed:
        await line.messages(1)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001


async def test_a_reader_that_waits_is_told_of_the_end() -> None:
    line = Line()
    line.hears([line.wire.said()])
    reading = asyncio.create_task(line.messages(1))
    await asyncio.sleep(0)
    line.connection.eof_received()
    line.connection.connection_lost(None)
    with pytest.raises(ConnectionClosed):
        await reading


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\x81maskx", 1002),
        (b"\x81\x7f" + (LONGEST + 1).to_bytes(8, "big"), 1009),
        (b"\xf1\x01x", 1002),
    ],
    ids=["masked", "too long", "reserved bits"],
)
async def test_what_is_no_frame_fails_the_connection(frame: bytes, code: int) -> None:
    line = Line()
    _whole(3)(line.server)
    line.hears([line.wire.said() + frame])
    assert await line.messages(1) == [b"xxx"]
    line.connection.connection_lost(None)
    with pytest.raises(ConnectionClosed) as closed:
        await line.messages(1)
    assert closed.value.sent is not None
    assert closed.value.sent.code == code


async def test_text_inside_a_fragmented_message_fails_the_connection() -> None:
    line = Line()
    line.server.send_text(b"begun", fin=False)
    whole = Frame(Opcode.TEXT, b"whole").serialize(mask=False, extensions=[])
    line.hears([line.wire.said() + whole])
    line.connection.connection_lost(None)
    with pytest.raises(ConnectionClosed) as closed:
        await line.messages(1)
    assert closed.value.sent is not None
    assert closed.value.sent.code == 1002


async def test_a_refusal_is_the_librarys_however_it_is_cut() -> None:
    line = Line()
    line.wire.said()
    answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nwrong"
    line.hears([answer[:10], answer[10:-3], answer[-3:]])
    assert line.connection.response is not None
    assert line.connection.response.status_code == 401
    assert line.connection.response.body == b"wrong"


def test_a_length_that_is_not_all_there_is_waited_for() -> None:
    frame = b"\x81\x7e\x01\x00" + bytes(256)
    for size in range(len(frame)):
        assert payload_at(frame[:size], 0, LONGEST) is None
    assert payload_at(b"xx" + frame, 2, LONGEST) == (6, 262)
    with pytest.raises(Malformed):
        payload_at(frame, 0, 255)
