"""What is measured: anything that puts a bot into a room, behind one seam."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import psutil

from bench.stage import Behaviour, Stage
from bridge.ids import Identity, RoomName
from bridge.room.tokens import Minter

READY_S: Final = 60.0
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
    """A system that takes calls. `pid` is its first process; what that starts belongs to it."""

    def __init__(self, pid: int, trace: Path) -> None:
        self._pid = pid
        self._trace = trace

    @property
    def pids(self) -> tuple[int, ...]:
        """Its processes, whose CPU and memory are its cost."""
        children = psutil.Process(self._pid).children(recursive=True)
        return (self._pid, *(child.pid for child in children))

    @abstractmethod
    async def open_call(self, caller: int) -> Seat:
        """Have a room made and a bot sent into it; return without waiting for the bot."""

    @abstractmethod
    async def close_call(self, seat: Seat) -> None:
        """End a call."""

    def notes(self) -> list[Note]:
        """Return what the model noted."""
        lines = [line.split() for line in self._trace.read_text().splitlines()]
        return [Note(float(words[0]), words[1], tuple(words[2:])) for words in lines]

    def heard(self) -> dict[int, list[float]]:
        """Return when bursts of each caller reached the far end: the model, or the echo."""
        heard: dict[int, list[float]] = {}
        for note in self.notes():
            if note.kind == "burst":
                heard.setdefault(int(note.names[0]), []).append(note.at_s)
        return heard


class System(Protocol):
    """One way to run bots."""

    name: str

    def run(self, stage: Stage, behaviour: Behaviour) -> AbstractAsyncContextManager[Running]:
        """Start it afresh, and end it."""


class Ordered(Running):
    """Bots of one process that takes orders on a port; whoever comes first makes the room."""

    def __init__(self, pid: int, trace: Path, stage: Stage, port: int) -> None:
        super().__init__(pid, trace)
        server = stage.livekit
        self._url = server.url
        self._minter = Minter(server.api_key, server.api_secret)
        self._port = port
        self._opened = 0
        self._joining: set[asyncio.Task[None]] = set()

    async def open_call(self, caller: int) -> Seat:
        call, self._opened = f"{caller}.{self._opened}", self._opened + 1
        room = RoomName(f"bench-{self._port}-{call}")
        bot = self._minter.bot_token(room, Identity(f"bot-{call}"), "bot")
        joining = asyncio.create_task(self._order("join", call, self._url, bot), name="bot joins")
        self._joining.add(joining)
        joining.add_done_callback(self._joining.discard)
        return Seat(call, self._url, caller_token(self._minter, room, call))

    async def close_call(self, seat: Seat) -> None:
        await self._order("leave", seat.call_id)

    async def aclose(self) -> None:
        await asyncio.gather(*self._joining)
        await self._order("quit")

    async def _order(self, *words: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(" ".join(words).encode() + b"\n")
        answer = await reader.readline()
        writer.close()
        if answer != b"done\n":
            raise RuntimeError(f"the bot did not {words[0]}")


def caller_token(minter: Minter, room: RoomName, call: str) -> str:
    """Return what lets a caller into a room that the harness has named."""
    identity = Identity(f"caller-{call}")
    return minter.caller_token(room, identity, "caller", _TTL_S, datetime.now(UTC)).jwt


async def reaches(port: int) -> bool:
    """Return whether somebody listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
