"""The bare echo bot: what LiveKit and its SDK cost without any bridge."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.stage import Behaviour, Stage, free_port, python
from bench.systems.base import READY_S, Note, Ordered, Running, reaches


class Echo:
    """Our own environment's SDK, and nothing else."""

    name = "echo"

    @asynccontextmanager
    async def run(self, stage: Stage, behaviour: Behaviour) -> AsyncIterator[Running]:
        if behaviour != "loopback":
            raise ValueError("an echo bot only echoes")
        port, trace = free_port(), stage.folder / "echo.trace"
        argv = [sys.executable, "-m", "bench.echo_bot", str(port), str(trace)]
        async with stage.alone(python(argv, stage.folder / "echo.log")) as child:
            await child.ready(lambda: reaches(port), READY_S)
            running = _RunningEcho(child.pid, trace, stage, port)
            yield running
            await running.aclose()


class _RunningEcho(Ordered):
    def notes(self) -> list[Note]:
        lines = [line.split() for line in self._trace.read_text().splitlines()]
        return [Note(float(at_s), "burst", (call.partition(".")[0],)) for at_s, call in lines]
