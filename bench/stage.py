"""What every system stands on: one LiveKit server, and a model where it needs one."""

import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import aiohttp

from bridge.demo.livekit import LiveKitServer
from bridge.demo.processes import Child

Behaviour = Literal["loopback", "talker"]

_READY_S: Final = 20.0
_ROOT: Final = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers, and a folder for logs and traces."""

    livekit: LiveKitServer
    folder: Path

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
async def running_stage(livekit: Path, folder: Path) -> AsyncIterator[Stage]:
    """Run the LiveKit server that all systems share."""
    async with LiveKitServer(livekit, folder / "livekit-server.log") as server:
        yield Stage(server, folder)


def python(argv: Sequence[str | Path], log: Path, **variables: str) -> Child:
    """Return a process of this environment that finds the bench."""
    environ = {"PYTHONPATH": str(_ROOT), "PATH": "/usr/bin:/bin", **variables}
    return Child(Path(str(argv[2])).name, argv, environ, log)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
