"""What is measured: anything that puts a bot into a room. One adapter each.

A further system is one more class here and one more entry in SYSTEMS.
"""

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from bench.stage import Behaviour, Stage, free_port, python
from bridge.client import BridgeClient
from bridge.demo.stack import is_serving
from bridge.ids import Identity, RoomName
from bridge.room.tokens import Minter

_READY_S: Final = 30.0
_AGENTS: Final = Path(__file__).parent / "agents"
_SLOTS: Final = 64
_TTL_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Seat:
    """A place for one caller, whose bot is on its way."""

    call_id: str
    url: str
    token: str


class Note(NamedTuple):
    """A line of the model's trace."""

    at_s: float
    kind: str
    names: tuple[str, ...]


class Running(ABC):
    """A system that takes calls."""

    pids: tuple[int, ...]
    """Its processes, whose CPU and memory are its cost."""

    @abstractmethod
    async def open_call(self, caller: int) -> Seat:
        """Have a room made and a bot sent into it; return without waiting for the bot."""

    @abstractmethod
    async def close_call(self, seat: Seat) -> None:
        """End a call."""

    @abstractmethod
    def heard(self) -> dict[int, list[float]]:
        """Return when bursts of each caller reached the far end: the model, or the echo."""


class System(Protocol):
    """One way to run bots."""

    name: str

    def run(self, stage: Stage, behaviour: Behaviour) -> AbstractAsyncContextManager[Running]:
        """Start it afresh, and end it."""


class Echo:
    """The bare echo bot: what LiveKit and its SDK cost without any bridge."""

    name = "echo"

    @asynccontextmanager
    async def run(self, stage: Stage, behaviour: Behaviour) -> AsyncIterator[Running]:
        if behaviour != "loopback":
            raise ValueError("an echo bot only echoes")
        port, trace = free_port(), stage.folder / "echo.trace"
        argv: list[str | Path] = [sys.executable, "-m", "bench.echo_bot", str(port), trace]
        async with python(argv, stage.folder / "echo.log") as child:

            async def answers() -> bool:
                return await _reaches(port)

            await child.ready(answers, _READY_S)
            running = _RunningEcho(stage, port, trace)
            running.pids = (child.pid,)
            yield running
            await running.aclose()


class _RunningEcho(Running):
    def __init__(self, stage: Stage, port: int, trace: Path) -> None:
        server = stage.livekit
        self._url = server.url
        self._minter = Minter(server.api_key, server.api_secret)
        self._port = port
        self._trace = trace
        self._opened = 0
        self._joining: set[asyncio.Task[None]] = set()

    async def open_call(self, caller: int) -> Seat:
        call, self._opened = f"{caller}.{self._opened}", self._opened + 1
        room = RoomName(f"echo-{self._port}-{call}")
        bot = self._minter.bot_token(room, Identity(f"bot-{call}"), "echo")
        joining = asyncio.create_task(self._order("join", call, self._url, bot), name="echo joins")
        self._joining.add(joining)
        joining.add_done_callback(self._joining.discard)
        token = self._minter.caller_token(
            room, Identity(f"caller-{call}"), "caller", _TTL_S, datetime.now(UTC)
        )
        return Seat(call, self._url, token.jwt)

    async def close_call(self, seat: Seat) -> None:
        await self._order("leave", seat.call_id)

    def heard(self) -> dict[int, list[float]]:
        heard: dict[int, list[float]] = {}
        for line in self._trace.read_text().splitlines():
            at_s, call = line.split()
            heard.setdefault(int(call.partition(".")[0]), []).append(float(at_s))
        return heard

    async def aclose(self) -> None:
        await asyncio.gather(*self._joining)
        await self._order("quit")

    async def _order(self, *words: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(" ".join(words).encode() + b"\n")
        answer = await reader.readline()
        writer.close()
        if answer != b"done\n":
            raise RuntimeError(f"the echo bot did not {words[0]}")


class Mediabridge:
    """`mediabridge serve` with the simulator as its model."""

    name = "mediabridge"

    @asynccontextmanager
    async def run(self, stage: Stage, behaviour: Behaviour) -> AsyncIterator[Running]:
        target, server = f"127.0.0.1:{free_port()}", stage.livekit
        async with AsyncExitStack() as parts:
            model = await parts.enter_async_context(stage.model(behaviour))
            child = await parts.enter_async_context(
                python(
                    [sys.executable, "-m", "bridge.cli.main", "serve"],
                    stage.folder / "mediabridge.log",
                    LIVEKIT_SERVER_URL=server.url,
                    LIVEKIT_API_KEY=server.api_key,
                    LIVEKIT_API_SECRET=server.api_secret,
                    OPENAI_BASE_URL=model.base_url,
                    MEDIABRIDGE_LISTEN=target,
                    MEDIABRIDGE_SLOTS=str(_SLOTS),
                    MEDIABRIDGE_AGENTS_DIR=str(_AGENTS),
                    MEDIABRIDGE_DRAIN_TIMEOUT="0",
                    # As an operator runs it, with nothing left behind.
                    MEDIABRIDGE_STORE_URL=f"sqlite:///{stage.folder / 'mediabridge.db'}",
                )
            )
            await child.ready(lambda: is_serving(target), _READY_S)
            client = await parts.enter_async_context(BridgeClient(target))
            await client.stats()  # connects: the first CreateRoom must not pay for that
            running = RunningMediabridge(client, behaviour, model.trace)
            running.pids = (child.pid,)
            yield running


class RunningMediabridge(Running):
    """A bridge that is serving."""

    def __init__(self, client: BridgeClient, agent_id: str, trace: Path) -> None:
        self.client = client
        self._agent_id = agent_id
        self._trace = trace

    async def open_call(self, caller: int) -> Seat:  # noqa: ARG002 - its sound says who it is
        created = await self.client.create_room("bench", self._agent_id)
        return Seat(created.connection_id, created.server_url, created.access_token)

    async def close_call(self, seat: Seat) -> None:
        await self.client.end_call(seat.call_id)

    def heard(self) -> dict[int, list[float]]:
        heard: dict[int, list[float]] = {}
        for note in self.notes():
            if note.kind == "burst":
                heard.setdefault(int(note.names[0]), []).append(note.at_s)
        return heard

    def notes(self) -> list[Note]:
        """Return what the model noted."""
        lines = [line.split() for line in self._trace.read_text().splitlines()]
        return [Note(float(words[0]), words[1], tuple(words[2:])) for words in lines]


SYSTEMS: Final[dict[str, System]] = {system.name: system for system in (Echo(), Mediabridge())}


async def _reaches(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
