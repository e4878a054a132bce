"""A line to a server that a test can cut, and mend."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

_READ_BYTES: Final = 64 * 1024


class Line:
    """Carries TCP to a port on loopback, except while it is cut; made by `line_to`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: set[asyncio.StreamWriter] = set()
        self._is_cut = False

    def cut(self) -> None:
        """Break what it carries, and carry nothing more."""
        self._is_cut = True
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        """Carry what comes from now on."""
        self._is_cut = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until it ends, or is cut."""
        ends = {writer}
        try:
            if self._is_cut:
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            ends.add(far_writer)
            self._ends |= ends
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_pour(reader, far_writer), name="there")
                ways.create_task(_pour(far_reader, writer), name="back")
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()


@asynccontextmanager
async def line_to(port: int) -> AsyncIterator[tuple[Line, int]]:
    """Give a line, and the port at which it begins; on leaving it is cut."""
    line = Line(port)
    async with await asyncio.start_server(line.carry, "127.0.0.1", 0) as server:
        try:
            yield line, int(server.sockets[0].getsockname()[1])
        finally:
            line.cut()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(_READ_BYTES):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
