"""A host's world in memory: time that a test moves, LiveKit, models, stores, and calls in them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bridge.calls.call import Call
from bridge.calls.host import CallHost
from bridge.calls.services import CallServices, RoomTuning
from bridge.errors import RoomUnreachable
from bridge.ids import ConnectionId, Identity, RoomName
from bridge.ports.call import CallSpec, CallState, CallView, Ending, EndReason
from bridge.ports.event import CallEvent, Ended, EventKind, StateChanged
from bridge.ports.host import Epoch, HostId
from bridge.ports.placement import Placed
from bridge.ports.report import CallReport
from bridge.ports.room import RoomRequest
from bridge.store.ledger import MemoryLedger
from bridge.store.memory import MemoryEventLog, MemoryStore
from bridge.workers.directory import MemoryDirectory
from bridge.workers.placer import MemoryPlacer
from tests.fakes.agents import SPEC
from tests.fakes.cleaning import NoCleaners
from tests.fakes.clock import FakeClock, settle
from tests.fakes.model import FakeModels, FakeSession
from tests.fakes.money import FixedBudgets, FixedPrices
from tests.fakes.recording import FakeRecordings
from tests.fakes.room import FakeBot, FakeHuman, FakeLiveKit, FakeRooms
from tests.fakes.tools import FakeTools

if TYPE_CHECKING:
    from tests.fakes.egress import FakeEgress

EPOCH = Epoch(1)
HOST = HostId("host-a")


class Answering:
    """Whether a part answers: at once, never, or with an error."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._answers = asyncio.Event()
        self._answers.set()

    @property
    def is_well(self) -> bool:
        return self.error is None and self._answers.is_set()

    def hang(self) -> None:
        self._answers.clear()

    def recover(self) -> None:
        self.error = None
        self._answers.set()

    async def pass_through(self) -> None:
        await self._answers.wait()
        if self.error is not None:
            raise self.error


class Rooms(FakeRooms):
    """Rooms that can hang, and that remember what was asked of them."""

    def __init__(self, livekit: FakeLiveKit) -> None:
        super().__init__(livekit)
        self.creating = Answering()
        self.asking = Answering()
        self.deleting = Answering()
        self.joining = Answering()
        self.deleted: list[RoomName] = []
        self.joining_fails = False
        self.bots: list[FakeBot] = []
        """Every bot that has entered so far."""

    async def create_foreign(self, name: RoomName) -> None:
        """Let somebody else make a room."""
        await FakeRooms(self._livekit, "somebody").create(
            RoomRequest(name, ConnectionId(""), empty_timeout_s=60, max_participants=10)
        )

    @asynccontextmanager
    async def join(
        self, room: RoomName, identity: Identity, name: str, *, empties: bool = False
    ) -> AsyncIterator[FakeBot]:
        await self.joining.pass_through()
        if self.joining_fails:
            raise RoomUnreachable("LiveKit did not answer")
        async with super().join(room, identity, name, empties=empties) as bot:
            self.bots.append(bot)
            yield bot

    async def create(self, request: RoomRequest) -> None:
        await self.creating.pass_through()
        await super().create(request)

    async def exists(self, name: RoomName) -> bool:
        await self.asking.pass_through()
        return await super().exists(name)

    async def delete(self, name: RoomName) -> None:
        await self.deleting.pass_through()
        await super().delete(name)
        self.deleted.append(name)


class EventLog(MemoryEventLog):
    """A log that can fail and hang, and that remembers all it took."""

    def __init__(self) -> None:
        super().__init__(events_per_call=1000, ended_calls=100)
        self.appending = Answering()
        self.taken: list[CallEvent] = []

    async def append(self, event: CallEvent) -> None:
        await self.appending.pass_through()
        await super().append(event)
        self.taken.append(event)

    def of(self, connection_id: ConnectionId) -> list[CallEvent]:
        return [event for event in self.taken if event.connection_id == connection_id]


class ReportStore(MemoryStore):
    """A store that can fail and hang, and that remembers every report."""

    def __init__(self) -> None:
        super().__init__(reports=100)
        self.saving = Answering()
        self.saved: list[CallReport] = []

    async def save(self, report: CallReport) -> None:
        await self.saving.pass_through()
        await super().save(report)
        self.saved.append(report)


class World:
    """All that a host uses."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.livekit = FakeLiveKit(self.clock)
        self.rooms = Rooms(self.livekit)
        self.models = FakeModels()
        self.tools = FakeTools()
        self.prices = FixedPrices()
        self.budgets = FixedBudgets()
        self.ledger = MemoryLedger()
        self.recordings = FakeRecordings()
        self.egress: FakeEgress | None = None
        self.directory = MemoryDirectory(ended_calls=100)
        self.events = EventLog()
        self.store = ReportStore()
        self.placer = MemoryPlacer(self.clock, remembered_requests=100)

    @property
    def services(self) -> CallServices:
        return CallServices(
            host_id=HOST,
            rooms=self.rooms,
            models=self.models,
            cleaners=NoCleaners(),
            directory=self.directory,
            events=self.events,
            store=self.store,
            clock=self.clock,
            room_tuning=RoomTuning(empty_timeout_s=60, max_participants=10),
            tools=self.tools,
            spending=self.ledger,
            recordings=self.recordings,
            egress=self.egress,
        )

    def make_call(self, spec: CallSpec, epoch: Epoch = EPOCH) -> Call:
        return Call(spec, epoch, self.services)

    def make_host(self, slots: int = 2) -> CallHost:
        return CallHost(slots=slots, clock=self.clock, placer=self.placer, make_call=self.make_call)

    def enter(self, spec: CallSpec = SPEC, identity: str | None = None) -> FakeHuman:
        """Let a human into a call's room, by the caller's identity or another."""
        who = spec.caller_identity if identity is None else Identity(identity)
        token = self.rooms.mint_caller_token(spec.room_name, who, spec.caller_name, 600)
        return self.livekit.enter(token.jwt)


@dataclass(slots=True)
class Carried:
    """A call under way."""

    world: World
    spec: CallSpec
    call: Call
    task: asyncio.Task[None]

    @property
    def bot(self) -> FakeBot:
        return self.world.livekit.bot(self.spec.room_name)

    @property
    def session(self) -> FakeSession:
        return self.world.models.sessions[-1]

    @property
    def state(self) -> CallState:
        return self.call.view().state

    @property
    def told(self) -> list[CallEvent]:
        return self.world.events.of(self.spec.connection_id)

    @property
    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.told]

    async def join(self) -> FakeHuman:
        human = self.world.enter(self.spec)
        human.publish()
        await settle()
        return human

    async def ended(self) -> CallView:
        """Wait for the end, with time standing still."""
        await settle()
        assert self.call.is_over, f"the call is {self.state}"
        return self.call.view()

    async def pass_time(self, seconds: float) -> None:
        await self.world.clock.advance(seconds)

    async def assert_ended(self, reason: EndReason) -> CallReport:
        """Hold the call to what every end promises; return its report."""
        view = await self.ended()
        assert view.ending is not None
        assert view.ending.reason is reason
        return assert_well_told(self.world, self.spec)


def assert_well_told(world: World, spec: CallSpec) -> CallReport:
    """Hold an ended call's traces to what every end promises."""
    told = world.events.of(spec.connection_id)
    assert [event.sequence for event in told] == list(range(1, len(told) + 1))
    ends = [event for event in told if isinstance(event.kind, Ended)]
    assert ends == told[-1:]
    states = [event.kind.state for event in told if isinstance(event.kind, StateChanged)]
    assert states[0] is CallState.CREATED
    assert states[-2:] == [CallState.ENDING, CallState.ENDED]
    assert isinstance(told[-1].kind, Ended)
    report = told[-1].kind.report
    assert report.complete
    assert report.view.state is CallState.ENDED
    assert report.view.last_sequence == told[-1].sequence
    return report


@asynccontextmanager
async def carrying(world: World, spec: CallSpec = SPEC) -> AsyncIterator[Carried]:
    """Carry a call as a host does; leaving ends it where a test did not."""
    call = world.make_call(spec)
    view = CallView(spec, HOST, last_activity_at=spec.created_at)
    assert await world.directory.add(Placed(view, HOST, EPOCH)) is None
    await call.open()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(call.run(), name="call")
        carried = Carried(world, spec, call, task)
        await settle()
        yield carried
        call.end(Ending(EndReason.API_ENDED))
        await world.clock.advance(60)


def with_limits(spec: CallSpec = SPEC, **limits: Any) -> CallSpec:
    return replace(spec, limits=replace(spec.limits, **limits))
