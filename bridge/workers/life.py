"""One life of a worker process, as its front sees it: started, heard, and over some day."""

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bridge.ports.clock import Clock
from bridge.ports.host import Epoch, HostId, HostStatus
from bridge.ports.placement import Membership
from bridge.workers.remote_host import RemoteHost
from bridge.workers.wire import channel

# How often a worker says that it lives; see `bridge.workers.carrier`.
BEAT_S: Final = 0.25


class WorkerLife:
    """A running worker process. `process` is set once it has been started."""

    def __init__(
        self, host_id: HostId, epoch: Epoch, socket: Path, placer: Membership, clock: Clock
    ) -> None:
        self.host_id = host_id
        self._epoch = epoch
        self.socket = socket
        self._placer = placer
        self._channel = channel(socket)
        self.host = RemoteHost(self._channel, clock)
        self._process: Process | None = None
        self._leaving = False
        self.beats = 0
        self.memory_bytes = 0
        self.load = 0.0
        self.ready = asyncio.Event()

    @property
    def epoch(self) -> Epoch:
        return self._epoch

    @property
    def is_leaving(self) -> bool:
        """Return whether it was asked to go."""
        return self._leaving

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the process. It ends by itself when its standard input does: with its front."""
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, start_new_session=True, env=environment
        )

    async def beat(self, status: HostStatus, load: float, memory_bytes: int) -> None:
        self.beats += 1
        self.memory_bytes = memory_bytes
        self.load = load
        self.host.beat(replace(status, draining=status.draining or self._leaving))
        slots = 0 if self._leaving or status.draining else status.slots_total
        await self._placer.heartbeat(self.host_id, self._epoch, slots, load)
        self.ready.set()

    async def leave(self, drain_s: float) -> None:
        """Get no more calls, and wait for those there are; then end the process.

        :raises Unavailable: it died meanwhile.
        """
        self._leaving = True
        self.host.beat(replace(self.host.status(), draining=True))
        await self._placer.heartbeat(self.host_id, self._epoch, 0)
        await self.host.drain(drain_s)
        self.close()

    def close(self) -> None:
        """Ask the process to end what it has and exit."""
        self._leaving = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def gone(self) -> int:
        """Wait until the process is gone; return its status."""
        assert self._process is not None  # noqa: S101 - asked once it was started
        status = await self._process.wait()
        await self._channel.close()
        return status
