"""A front's desk over one host: requests in, calls carried."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from bridge.calls.front.allowance import Allowances
from bridge.calls.front.erasure import Erasure
from bridge.calls.front.placing import Placing
from bridge.calls.front.reception import Reception
from bridge.calls.front.registry import Registry
from bridge.calls.front.request import CallRequest
from bridge.calls.front.terms import ServerLimits, Terms
from bridge.calls.host import CallHost
from bridge.ids import AgentId, ConnectionId, RoomName, TenantId
from bridge.ports.agent import AgentCatalogue, AgentRequest
from bridge.ports.placement import CallFilter, RequestKey
from bridge.store.erasing import MemoryEraser
from bridge.store.webhooks import MemoryWebhooks
from tests.fakes.agents import LIMITS, SILENT, FakeAgents
from tests.unit.calls.rig import EPOCH, HOST, World

ACME = TenantId("acme")
OTHER = TenantId("other")
PATIENT = replace(
    SILENT,
    agent_id=AgentId("patient"),
    limits=replace(SILENT.limits, join_timeout_s=120, max_duration_s=9000),
)
PRIVATE = replace(SILENT, agent_id=AgentId("private"))
LONGEST_S = 3600.0
TTL_S = 600.0


def request(
    agent: str = "greeter",
    tenant: TenantId = ACME,
    request_id: str = "",
    body: str = "",
    **changes: Any,
) -> CallRequest:
    """Return a request; `body` stands for everything that makes its fingerprint."""
    key = RequestKey(tenant, request_id, body.encode()) if request_id else None
    asked = CallRequest(
        agent=AgentRequest(AgentId(agent), tenant, caller_name="Ada"),
        caller_name="Ada",
        may_enter_rooms=True,
        request_key=key,
    )
    return replace(asked, **changes)


def named(name: str) -> RoomName:
    return RoomName(name)


class Desk:
    """Reception and registry, and the world they stand in."""

    def __init__(
        self,
        world: World,
        host: CallHost,
        agents: AgentCatalogue,
        begins: Callable[[ConnectionId], None],
    ) -> None:
        self.world = world
        self.agents = agents
        self.host = host
        self.registry = Registry(
            world.directory, {HOST: host}, world.events, world.store, world.clock
        )
        eraser = MemoryEraser(world.directory, world.events, world.store, MemoryWebhooks())
        self.erasure = Erasure(self.registry, world.events, eraser, world.recordings, world.clock)
        allowances = Allowances(world.prices, world.budgets, world.ledger, world.clock)
        self.reception = Reception(
            agents=agents,
            rooms=world.rooms,
            directory=world.directory,
            registry=self.registry,
            terms=Terms(
                ServerLimits(LIMITS, LONGEST_S, TTL_S, records=True), allowances, world.clock
            ),
            placing=Placing(world.placer, world.directory, self.registry, allowances, begins),
        )

    async def listed(self) -> int:
        return len(await self.registry.page(CallFilter(), None, 100))

    async def assert_nothing_left(self) -> None:
        """Hold a failed request to leaving no slot, no listed call and no room behind."""
        assert self.host.status().slots_free == self.host.status().slots_total
        assert await self.listed() == 0
        assert self.world.livekit.rooms == {}


@asynccontextmanager
async def desk_over(
    world: World,
    slots: int = 2,
    agents: AgentCatalogue | None = None,
    begins: Callable[[ConnectionId], None] = lambda _: None,
) -> AsyncIterator[Desk]:
    known = FakeAgents(SILENT, PATIENT, PRIVATE, private={PRIVATE.agent_id: OTHER})
    await world.placer.heartbeat(HOST, EPOCH, slots)
    async with world.make_host(slots) as host:
        yield Desk(world, host, agents or known, begins)
