"""A way to a server whose connections can be frozen: nothing is lost, nothing arrives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK = 65_536


class Way:
    """Relays TCP. Connections that stand when it is frozen say nothing any more; new ones do."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._standing: set[asyncio.Event] = set()
        self.address = ""

    def freeze(self) -> None:
        """Freeze the connections that there are."""
        for flowing in self._standing:
            flowing.clear()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flowing = asyncio.Event()
        flowing.set()
        self._standing.add(flowing)
        far_reader, far_writer = await asyncio.open_connection(*self._to)
        try:
            await asyncio.gather(
                _pump(reader, far_writer, flowing), _pump(far_reader, writer, flowing)
            )
        finally:
            self._standing.discard(flowing)
            for one in (writer, far_writer):
                one.close()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event
) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK):
            await flowing.wait()
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def way_to(host: str, port: int) -> AsyncIterator[Way]:
    way = Way(host, port)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(way.relay(reader, writer), name="relay")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        way.address = "{}:{}".format(*server.sockets[0].getsockname())
        yield way
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
