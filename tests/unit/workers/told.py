"""A front that workers tell, over a real socket, and what came of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc

from bridge.ids import AgentId
from bridge.ports.call import CallView
from bridge.ports.clock import Clock
from bridge.ports.host import Epoch, HostId, HostStatus
from bridge.ports.tool import ToolExecutor, ToolInvocation, ToolOutcome, ToolOutput, ToolSpec
from bridge.workers.front import Front
from bridge.workers.front_service import FrontService
from bridge.workers.remote_host import RemoteHost
from bridge.workers.v1 import workers_service_pb2_grpc as rpc
from bridge.workers.wire import channel, serving
from tests.unit.calls.rig import EPOCH, HOST, World

if TYPE_CHECKING:
    from bridge.errors import ModelError

TOOL: Final = ToolSpec("weather", "The weather.", {"type": "object"})


class Heard(RemoteHost):
    """A host as its front hears of it, and each view that was not of details alone."""

    def __init__(self, channel: grpc.aio.Channel, clock: Clock) -> None:
        super().__init__(channel, clock)
        self.seen: list[CallView] = []

    def saw(self, view: CallView) -> None:
        self.seen.append(view)
        super().saw(view)


class KnownLife:
    """A worker as its front keeps it."""

    def __init__(self, epoch: Epoch, host: Heard) -> None:
        self.epoch = epoch
        self.host = host
        self.beats: list[tuple[HostStatus, float, int]] = []
        self.beaten = asyncio.Event()

    async def beat(self, status: HostStatus, load: float, memory_bytes: int) -> None:
        self.beats.append((status, load, memory_bytes))
        self.beaten.set()


class Forecast:
    """Implements ToolExecutors and ToolExecutor: every weather is fine."""

    def __init__(self) -> None:
        self.asked: list[tuple[AgentId, ToolSpec, ToolInvocation]] = []
        self.cancelled = asyncio.Event()
        self.reason: str | None = None
        """What whoever cancelled has said."""
        self.works = asyncio.Event()
        self.works.set()
        self._tool = TOOL

    def executor(self, agent_id: AgentId, tool: ToolSpec) -> ToolExecutor:
        self._tool = tool
        self._agent_id = agent_id
        return self

    async def execute(self, invocation: ToolInvocation) -> ToolOutcome:
        self.asked.append((self._agent_id, self._tool, invocation))
        try:
            await self.works.wait()
        except asyncio.CancelledError as cancelled:
            self.reason = cancelled.args[0] if cancelled.args else None
            self.cancelled.set()
            raise
        return ToolOutput('{"weather": "fine"}')


class Keys:
    """Implements ModelKeys: numbered keys, or a failure."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.failure: ModelError | None = None

    async def key_for(self, model: str, safety_identifier: str | None) -> str:
        self.asked.append((model, safety_identifier))
        if self.failure is not None:
            raise self.failure
        return f"ek_{len(self.asked)}"


class Told:
    """A front that a worker tells, and what came of it."""

    def __init__(self, world: World, socket: Path, to_worker: grpc.aio.Channel) -> None:
        self.world = world
        self.life = KnownLife(EPOCH, Heard(to_worker, world.clock))
        self.tools = Forecast()
        self.keys = Keys()
        self.service = FrontService(
            {HOST: self.life},
            archive=world.events,
            directory=world.directory,
            store=world.store,
            placer=world.placer,
            tools=self.tools,
            spending=world.ledger,
            keys=self.keys,
        )
        self.socket = socket

    @asynccontextmanager
    async def by(self, host_id: HostId = HOST, epoch: Epoch = EPOCH) -> AsyncIterator[Front]:
        """Yield the front as a worker sees it."""
        async with (
            serving(
                self.socket,
                lambda server: rpc.add_FrontServiceServicer_to_server(self.service, server),
            ),
            channel(self.socket) as to_front,
            asyncio.TaskGroup() as group,
        ):
            front = Front(to_front, host_id, epoch)
            with running(group, front):
                yield front


@asynccontextmanager
async def front_that_is_told(world: World, folder: Path) -> AsyncIterator[Told]:
    async with channel(folder / "nobody") as to_nobody:
        yield Told(world, folder / "front", to_nobody)


@contextmanager
def running(group: asyncio.TaskGroup, front: Front) -> Iterator[None]:
    task = group.create_task(front.run())
    yield
    task.cancel()
