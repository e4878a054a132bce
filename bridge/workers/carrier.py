"""What does a worker do besides carrying calls? Serves its front, and tells that it lives."""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from bridge.logs import get_logger
from bridge.own_process import OwnProcess
from bridge.ports.clock import Clock
from bridge.ports.host import Host
from bridge.workers.front import Front, FrontLost
from bridge.workers.host_service import HostService
from bridge.workers.life import BEAT_S
from bridge.workers.v1 import workers_service_pb2_grpc
from bridge.workers.wire import serving

_log = get_logger(__name__)

# What of a call's report is lost at most when this process dies.
_DRAFT_S: Final = 2.0
_STATM: Final = Path("/proc/self/statm")


class Carrier:
    """Serves one host to its front."""

    def __init__(self, host: Host, front: Front, clock: Clock) -> None:
        self._host = host
        self._front = front
        self._clock = clock

    @asynccontextmanager
    async def serving(self, socket: Path) -> AsyncIterator[None]:
        """Answer the front, and tell it how the host is doing, while the context lasts."""
        service = HostService(self._host, OwnProcess())
        async with (
            serving(
                socket,
                lambda server: workers_service_pb2_grpc.add_HostServiceServicer_to_server(
                    service, server
                ),
            ),
            asyncio.TaskGroup() as group,
        ):
            tasks = [
                group.create_task(self._beat(), name="beat"),
                group.create_task(self._draft(), name="drafts"),
            ]
            yield
            for task in tasks:
                task.cancel()

    async def _beat(self) -> None:
        """Say that this process lives, for as long as it does."""
        cpu_s, at_s = time.thread_time(), self._clock.monotonic_s()
        while True:
            # Of the one thread that runs Python: when that is busy all the time, calls wait.
            now_cpu_s, now_s = time.thread_time(), self._clock.monotonic_s()
            load = min(1.0, (now_cpu_s - cpu_s) / max(now_s - at_s, BEAT_S))
            cpu_s, at_s = now_cpu_s, now_s
            try:
                await self._front.beat(self._host.status(), load, _resident_bytes())
            except FrontLost as lost:
                _log.warning("front does not hear the beat", code=str(lost))
            # Only now: the first beat is what a front waits for.
            await self._clock.sleep(BEAT_S)

    async def _draft(self) -> None:
        """Leave reports with the front, of the calls that something has happened in."""
        while True:
            await self._clock.sleep(_DRAFT_S)
            for report in self._host.drafts():
                with suppress(FrontLost):
                    self._front.draft(report)
                # That of a long call takes a while to encode: sound goes first.
                await asyncio.sleep(0)


async def front_is_gone() -> None:
    """Wait for the end of standard input, which the front holds open while it lives."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        await reader.read()
    finally:
        transport.close()


def _resident_bytes() -> int:
    pages = int(_STATM.read_text().split()[1])
    return pages * resource.getpagesize()
