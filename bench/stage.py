"""What every system stands on: one LiveKit server, the same callers, and a model where needed."""

import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import aiohttp
import psutil

from bench import crowd
from bench.crowd import Crowd
from bridge.demo.livekit import LiveKitServer
from bridge.demo.processes import Child

Behaviour = Literal["loopback", "talker", "turns"]

_READY_S: Final = 20.0
_ROOT: Final = Path(__file__).parent.parent
_PROGRAM: Final = _ROOT / "var" / "bench" / "callers"


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers, the callers, and a folder for logs and traces."""

    livekit: LiveKitServer
    crowd: Crowd
    folder: Path
    core: int | None
    """Where what is measured runs, alone; None: anywhere."""

    @asynccontextmanager
    async def model(self, behaviour: Behaviour) -> AsyncIterator["Model"]:
        """Run the simulator for one system."""
        port, trace = free_port(), self.folder / f"model-{behaviour}.trace"
        argv: list[str | Path] = [sys.executable, "-m", "bench.model", str(port), behaviour, trace]
        async with AsyncExitStack() as parts:
            child = await parts.enter_async_context(python(argv, self.folder / "model.log"))
            model = Model(f"http://127.0.0.1:{port}", trace)
            await child.ready(model.answers, _READY_S)
            yield model

    @asynccontextmanager
    async def alone(self, child: Child) -> AsyncIterator[Child]:
        """Run a process, and what it starts, on the core that is kept for it."""
        async with whole(child):
            if self.core is not None:
                psutil.Process(child.pid).cpu_affinity([self.core])
            yield child

    def others(self) -> Mapping[str, int]:
        """Return whose CPU is not the system's, by name: the harness's children, and itself."""
        found = {"callers": self.crowd.pid, "livekit-server": self.livekit.child.pid}
        for child in psutil.Process().children(recursive=True):
            if "bench.model" in child.cmdline():
                found["model"] = child.pid
        return {**found, "harness": os.getpid()}


@dataclass(frozen=True, slots=True)
class Model:
    """A simulator that is running."""

    address: str
    trace: Path

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    async def answers(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"{self.address}/_simulator/state") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def running_stage(livekit: Path, folder: Path, *, pinned: bool) -> AsyncIterator[Stage]:
    """Run what all systems share: on the other cores, where one is kept for what is measured."""
    me, core = psutil.Process(), None
    before = me.cpu_affinity()
    program = await crowd.build(_PROGRAM)
    if pinned:
        *rest, core = before
        me.cpu_affinity(rest)
    try:
        async with (
            LiveKitServer(livekit, folder / "livekit-server.log") as server,
            Crowd.running(program, folder) as callers,
        ):
            yield Stage(server, callers, folder, core)
    finally:
        me.cpu_affinity(before)


@asynccontextmanager
async def whole(child: Child) -> AsyncIterator[Child]:
    """Run a process, and leave nothing of what it has started."""
    async with child:
        process, started = psutil.Process(child.pid), list[psutil.Process]()
        try:
            yield child
        finally:
            with suppress(psutil.NoSuchProcess):
                started = process.children(recursive=True)
    for left in started:
        with suppress(psutil.NoSuchProcess):
            left.kill()


def python(argv: Sequence[str | Path], log: Path, **variables: str) -> Child:
    """Return a process of Python that finds the bench."""
    environ = {
        "PYTHONPATH": str(_ROOT),
        "PATH": "/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        **variables,
    }
    return Child(log.stem, argv, environ, log)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
