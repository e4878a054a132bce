"""What people run today: LiveKit Agents and Pipecat, as their own examples put them together.

Where their defaults would lose sound or make a measurement another one, the bots' files say so.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from livekit import api

from bench import environments
from bench.stage import Behaviour, Stage, free_port, python
from bench.systems.base import READY_S, Ordered, Running, Seat, caller_token, reaches
from bridge.ids import RoomName
from bridge.room.tokens import Minter

_BOTS: Final = Path(__file__).parent


class Pipecat:
    """A pipeline for each call, all of them in one process."""

    name = "pipecat"

    @asynccontextmanager
    async def run(self, stage: Stage, behaviour: Behaviour) -> AsyncIterator[Running]:
        port = free_port()
        async with stage.model(behaviour) as model:
            bots = python(
                [environments.install(self.name), _BOTS / self.name / "bot.py", str(port)],
                stage.folder / "pipecat.log",
                BENCH_MODEL=model.base_url,
                BENCH_GREETS=_greets(behaviour),
            )
            async with stage.alone(bots) as child:
                await child.ready(lambda: reaches(port), READY_S)
                running = Ordered(child.pid, model.trace, stage, port)
                yield running
                await running.aclose()


class LiveKitAgents:
    """A process for each call, kept ready; jobs come by LiveKit's own dispatch."""

    name = "livekit_agents"

    @asynccontextmanager
    async def run(self, stage: Stage, behaviour: Behaviour) -> AsyncIterator[Running]:
        registered, server = stage.folder / "livekit_agents.ready", stage.livekit
        registered.unlink(missing_ok=True)
        async with AsyncExitStack() as parts:
            model = await parts.enter_async_context(stage.model(behaviour))
            bots = python(
                [environments.install(self.name), _BOTS / self.name / "bot.py"],
                stage.folder / "livekit_agents.log",
                BENCH_MODEL=model.base_url,
                BENCH_GREETS=_greets(behaviour),
                BENCH_PORT=str(free_port()),
                BENCH_READY=str(registered),
                LIVEKIT_URL=server.url,
                LIVEKIT_API_KEY=server.api_key,
                LIVEKIT_API_SECRET=server.api_secret,
            )
            child = await parts.enter_async_context(stage.alone(bots))
            # Its own health check is content before LiveKit knows of it.
            await child.ready(lambda: _exists(registered), READY_S)
            rooms = await parts.enter_async_context(
                api.LiveKitAPI(server.url, server.api_key, server.api_secret)
            )
            yield _RunningAgents(child.pid, model.trace, stage, rooms)


class _RunningAgents(Running):
    """A job begins when a room does."""

    def __init__(self, pid: int, trace: Path, stage: Stage, rooms: api.LiveKitAPI) -> None:
        super().__init__(pid, trace)
        server = stage.livekit
        self._url = server.url
        self._minter = Minter(server.api_key, server.api_secret)
        self._rooms = rooms
        self._opened = 0

    async def open_call(self, caller: int) -> Seat:
        call, self._opened = f"{caller}.{self._opened}", self._opened + 1
        room = RoomName(f"agents-{self._pid}-{call}")
        await self._rooms.room.create_room(api.CreateRoomRequest(name=room))
        return Seat(room, self._url, caller_token(self._minter, room, call))

    async def close_call(self, seat: Seat) -> None:
        await self._rooms.room.delete_room(api.DeleteRoomRequest(room=seat.call_id))


async def _exists(file: Path) -> bool:
    return file.exists()  # noqa: ASYNC240 - of a local disk


def _greets(behaviour: Behaviour) -> str:
    return "yes" if behaviour == "talker" else "no"
