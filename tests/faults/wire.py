"""A wire of ours between bridge and model, on loopback: it can stop carrying without a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

_CHUNK: Final = 65_536


class Wire:
    """Forwards TCP connections to a port, until it is cut: then it drops what comes."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._cut: set[asyncio.Task[None]] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Self]:
        wire = cls(port)
        server = await asyncio.start_server(wire._connected, "127.0.0.1", 0)
        wire.port = server.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:
            server.close()
            for task in wire._carrying:
                task.cancel()
            if wire._carrying:
                await asyncio.wait(wire._carrying)
            await server.wait_closed()

    def drop_packets(self) -> None:
        """Carry nothing more on the connections there are, and close none; later ones work."""
        self._cut |= self._carrying

    async def _connected(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        far, into = await asyncio.open_connection("127.0.0.1", self._to_port)
        async with asyncio.TaskGroup() as group:
            for reader, writer in ((near, into), (far, out)):
                task = group.create_task(self._carry(reader, writer), name="wire")
                self._carrying.add(task)
                task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        try:
            with suppress(ConnectionError):
                while chunk := await reader.read(_CHUNK):
                    if me not in self._cut:
                        writer.write(chunk)
                        await writer.drain()
        finally:
            writer.close()
