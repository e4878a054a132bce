"""Who executes a tool, and what becomes of it when they break off, are full or late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest

from bridge.errors import Exhausted, Unavailable
from bridge.ids import AgentId, ConnectionId, TenantId
from bridge.ports.tool import ToolCallId, ToolInvocation, ToolOutcome, ToolOutput
from bridge.tools.registration import Registration
from bridge.tools.server import Cancellation, ToolServer
from bridge.tools.servers import ToolServers
from tests.fakes.clock import FakeClock, settle
from tests.unit.tools.invocations import TIMEOUT_S, failure_of, invocation

DONE = ToolOutput("true")


class Room:
    """Calls and gateways, without a socket between them."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.clock = FakeClock()
        self.servers = ToolServers(self.clock)
        self._tasks = tasks
        self._streams: dict[ToolServer, ExitStack] = {}

    def gateway(
        self,
        *,
        tenant: str = "acme",
        tools: tuple[str, ...] = ("find_order",),
        agents: tuple[str, ...] = (),
        calls: tuple[str, ...] = (),
        most: int = 4,
    ) -> ToolServer:
        stream = ExitStack()
        server = stream.enter_context(
            self.servers.registered(
                Registration(
                    TenantId(tenant),
                    frozenset(tools),
                    most,
                    frozenset(map(AgentId, agents)),
                    frozenset(map(ConnectionId, calls)),
                )
            )
        )
        self._streams[server] = stream
        return server

    def breaks_off(self, server: ToolServer) -> None:
        self._streams.pop(server).close()

    def asked(self, number: int = 1, **changes: Any) -> asyncio.Task[ToolOutcome]:
        asked = invocation(self.clock, number, **changes)
        return self._tasks.create_task(self.servers.execute(asked))

    def close(self) -> None:
        for server in list(self._streams):
            self.breaks_off(server)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with asyncio.TaskGroup() as tasks:
        room = Room(tasks)
        yield room
        room.close()


async def told(server: ToolServer) -> str:
    """Return which call the server is told of next."""
    message = await server.next_message()
    assert isinstance(message, ToolInvocation)
    return message.tool_call_id


async def cancelled(server: ToolServer) -> Cancellation:
    message = await server.next_message()
    assert isinstance(message, Cancellation)
    return message


async def failed(asked: asyncio.Task[ToolOutcome]) -> str:
    return failure_of(await asked).code


async def test_result_comes_back_to_its_own_invocation(room: Room) -> None:
    gateway = room.gateway()
    first, second = room.asked(1), room.asked(2)
    await told(gateway), await told(gateway)
    gateway.answer(ToolCallId("call_2"), ToolOutput("2"))
    gateway.answer(ToolCallId("call_1"), ToolOutput("1"))
    assert await first == ToolOutput("1")
    assert await second == ToolOutput("2")


async def test_where_nobody_has_registered_a_tool_fails_at_once(room: Room) -> None:
    assert await failed(room.asked()) == "no_tool_server"


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"tenant": "other"},
        {"tenant": ""},
        {"tools": ("cancel_order",)},
        {"agents": ("salesman",)},
        {"calls": ("call-2",)},
    ],
)
async def test_nobody_is_asked_who_has_registered_for_others(
    room: Room, elsewhere: dict[str, Any]
) -> None:
    room.gateway(**elsewhere)
    assert await failed(room.asked()) == "no_tool_server"


async def test_the_closest_registration_is_asked_first_however_busy(room: Room) -> None:
    tenant = room.gateway()
    agent = room.gateway(agents=("receptionist",), most=2)
    call = room.gateway(calls=("call-1",), most=2)
    both = room.gateway(agents=("salesman",), calls=("call-1",), most=1)
    for number in range(9):
        room.asked(number)
        await settle()
    loads = {"call": call.load + both.load, "agent": agent.load, "tenant": tenant.load}
    assert loads == {"call": 3, "agent": 2, "tenant": 4}


async def test_among_equals_the_one_with_the_fewest_calls_is_asked(room: Room) -> None:
    busy, idle = room.gateway(), room.gateway()
    for number in range(2):
        room.asked(number)
        await settle()
    assert (busy.load, idle.load) == (1, 1)
    await told(busy)
    busy.answer(ToolCallId("call_0"), DONE)
    await settle()
    room.asked(7)
    await settle()
    assert (busy.load, idle.load) == (1, 1)


async def test_idle_equals_are_asked_in_turn(room: Room) -> None:
    one, other = room.gateway(), room.gateway()
    asked = []
    for number in range(4):
        task = room.asked(number)
        await settle()
        server = one if one.load else other
        server.answer(ToolCallId(await told(server)), DONE)
        await task
        asked.append(server)
    assert asked == [one, other, one, other]


async def test_full_tool_server_is_passed_over_and_where_all_are_full_a_tool_fails(
    room: Room,
) -> None:
    close, far = room.gateway(calls=("call-1",), most=1), room.gateway(most=1)
    room.asked(1), room.asked(2)
    await settle()
    assert (close.load, far.load) == (1, 1)
    assert await failed(room.asked(3)) == "tool_server_busy"


async def test_two_calls_under_one_id_are_never_on_one_stream(room: Room) -> None:
    room.gateway(), room.gateway()
    same = ToolCallId("call_x")
    room.asked(tool_call_id=same), room.asked(tool_call_id=same)
    await settle()
    assert await failed(room.asked(tool_call_id=same)) == "tool_server_busy"


async def test_broken_stream_fails_what_was_under_way_and_the_next_call_goes_elsewhere(
    room: Room,
) -> None:
    breaking = room.gateway(calls=("call-1",))
    other = room.gateway()
    under_way = room.asked(1)
    await told(breaking)
    room.breaks_off(breaking)
    assert await failed(under_way) == "tool_server_lost"
    next_one = room.asked(2)
    assert await told(other) == "call_2"
    other.answer(ToolCallId("call_2"), DONE)
    assert await next_one == DONE


async def test_what_a_broken_stream_was_never_told_is_given_to_another(room: Room) -> None:
    breaking = room.gateway(calls=("call-1",))
    other = room.gateway()
    asked = room.asked()
    await settle()
    room.breaks_off(breaking)
    assert await told(other) == "call_1"
    other.answer(ToolCallId("call_1"), DONE)
    assert await asked == DONE


async def test_what_the_only_stream_was_never_told_fails_when_it_breaks(room: Room) -> None:
    breaking = room.gateway()
    asked = room.asked()
    await settle()
    room.breaks_off(breaking)
    assert await failed(asked) == "no_tool_server"


async def test_results_that_nobody_waits_for_are_counted_and_change_nothing(room: Room) -> None:
    gateway = room.gateway()
    answered, given_up, waiting = room.asked(1), room.asked(2), room.asked(3)
    await told(gateway), await told(gateway), await told(gateway)
    gateway.answer(ToolCallId("call_1"), DONE)
    gateway.answer(ToolCallId("call_1"), ToolOutput('"again"'))
    given_up.cancel()
    assert await answered == DONE
    gateway.answer(ToolCallId("call_1"), ToolOutput('"twice"'))
    gateway.answer(ToolCallId("call_2"), ToolOutput('"late"'))
    gateway.answer(ToolCallId("call_9"), ToolOutput('"unknown"'))
    assert gateway.served.stray_results == 4
    assert gateway.served.results == 1
    assert not waiting.done()


async def test_result_before_its_invocation_was_sent_is_a_stray_one(room: Room) -> None:
    gateway = room.gateway()
    asked = room.asked()
    await settle()
    gateway.answer(ToolCallId("call_1"), DONE)
    assert not asked.done()
    assert gateway.served.stray_results == 1


@pytest.mark.parametrize(
    ("said", "after_s", "reason"),
    [
        ("interrupted", 0.0, "interrupted"),
        ("interrupted", TIMEOUT_S, "interrupted"),
        (None, 0.0, "cancelled"),
        (None, TIMEOUT_S, "timeout"),
    ],
)
async def test_gateway_is_told_that_nobody_waits_any_more_and_why(
    room: Room, said: str | None, after_s: float, reason: str
) -> None:
    gateway = room.gateway()
    asked = room.asked()
    await told(gateway)
    await room.clock.advance(after_s)
    asked.cancel(said)
    assert await cancelled(gateway) == Cancellation(ToolCallId("call_1"), reason)
    assert gateway.load == 0


async def test_what_was_never_sent_is_withdrawn_silently(room: Room) -> None:
    gateway = room.gateway()
    withdrawn, kept = room.asked(1), room.asked(2)
    await settle()
    withdrawn.cancel()
    await settle()
    assert await told(gateway) == "call_2"
    assert not kept.done()
    assert gateway.served.cancellations == 0


async def test_cancelled_invocation_makes_room_for_another(room: Room) -> None:
    gateway = room.gateway(most=1)
    asked = room.asked(1)
    await told(gateway)
    asked.cancel()
    await settle()
    room.asked(2)
    assert await cancelled(gateway) == Cancellation(ToolCallId("call_1"), "cancelled")
    assert await told(gateway) == "call_2"


async def test_leaving_gateway_answers_what_it_owes_and_is_asked_for_no_more(room: Room) -> None:
    gateway = room.gateway()
    owed = room.asked(1)
    await told(gateway)
    gateway.leave()
    assert await failed(room.asked(2)) == "no_tool_server"
    gateway.answer(ToolCallId("call_1"), DONE)
    assert await owed == DONE
    assert await gateway.next_message() is None


async def test_gateway_that_owes_nothing_leaves_at_once(room: Room) -> None:
    gateway = room.gateway()
    gateway.leave()
    assert await gateway.next_message() is None


async def test_closing_ends_every_stream_with_a_reason_and_refuses_new_ones(room: Room) -> None:
    gateway = room.gateway()
    asked = room.asked()
    await told(gateway)
    room.servers.close()
    assert await failed(asked) == "tool_server_lost"
    with pytest.raises(Unavailable) as ended:
        await gateway.next_message()
    assert ended.value.reason == "SERVER_STOPPING"
    with pytest.raises(Unavailable):
        room.gateway()


async def test_tenant_with_too_many_streams_leaves_room_for_others(room: Room) -> None:
    streams = [room.gateway() for _ in range(250)]
    with pytest.raises(Exhausted) as refused:
        room.gateway()
    assert refused.value.reason == "TOO_MANY_TOOL_SERVERS"
    room.gateway(tenant="other")
    room.breaks_off(streams[0])
    room.gateway()
