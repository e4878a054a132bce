"""A gateway's stream on a real socket: its order, its refusals, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from bridge.api.tools import READ_WITHIN_S, REGISTER_WITHIN_S
from bridge.ports.tool import (
    MAX_OUTPUT_BYTES,
    ToolFailure,
    ToolInvocation,
    ToolOutcome,
    ToolOutput,
)
from bridge.v1 import tool_service_pb2 as pb
from tests.fakes.clock import settle
from tests.unit.api.rig import Api, reason_of, serving, status_of, wrong_fields_of
from tests.unit.tools.invocations import TIMEOUT_S, failure_of, invocation

Code = grpc.StatusCode


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as running:
        yield running


@pytest.fixture
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    async with asyncio.TaskGroup() as group:
        yield group


class Gateway:
    """One stream, spoken by hand."""

    def __init__(self, api: Api) -> None:
        self._stream = api.tools.ServeTools()

    async def say(self, **kind: Any) -> None:
        await self._stream.write(pb.ServeToolsRequest(**kind))

    async def register(self, **changes: Any) -> None:
        fields = {"tenant_id": "acme", "tool_names": ["find_order"], **changes}
        await self.say(register=pb.ToolRegistration(**fields))
        assert (await self.hear()).WhichOneof("kind") == "registered"

    async def answer(self, tool_call_id: str, **outcome: Any) -> None:
        await self.say(result=pb.ToolResult(tool_call_id=tool_call_id, **outcome))

    async def hear(self) -> pb.ServeToolsResponse:
        response = await self._stream.read()
        assert isinstance(response, pb.ServeToolsResponse), "the stream has ended"
        return response

    async def invoked(self) -> pb.ToolInvocation:
        response = await self.hear()
        assert response.WhichOneof("kind") == "invocation"
        return response.invocation

    async def close_own_side(self) -> None:
        await self._stream.done_writing()

    def break_off(self) -> None:
        self._stream.cancel()

    async def ended(self) -> grpc.StatusCode:
        """Return the stream's status, once nothing more comes."""
        await self._everything()
        code: grpc.StatusCode = await self._stream.code()
        return code

    async def refused(self) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await self._everything()
        return refusal.value

    async def _everything(self) -> None:
        while await self._stream.read() is not grpc.aio.EOF:
            pass


@pytest.fixture
async def gateway(api: Api) -> AsyncIterator[Gateway]:
    stream = Gateway(api)
    yield stream
    stream.break_off()


def asked(api: Api, number: int = 1, **changes: Any) -> ToolInvocation:
    return invocation(api.world.clock, number, **changes)


async def test_invocation_says_everything_and_its_result_comes_back(
    api: Api, gateway: Gateway, tasks: asyncio.TaskGroup
) -> None:
    await gateway.register()
    outcome = tasks.create_task(api.tool_servers.execute(asked(api)))
    told = await gateway.invoked()
    assert told.tool_call_id == "call_1"
    assert told.connection_id == "call-1"
    assert told.agent_id == "receptionist"
    assert told.tenant_id == "acme"
    assert told.name == "find_order"
    assert json.loads(told.arguments_json) == {"number": 7}
    assert told.metadata == {"order": "7"}
    now = api.world.clock.now()
    assert told.deadline.ToDatetime(UTC) == now + timedelta(seconds=TIMEOUT_S)
    await gateway.answer("call_1", output_json='{"shipped": true}')
    assert await outcome == ToolOutput('{"shipped": true}')


async def test_typed_error_comes_back_as_the_gateway_said_it(
    api: Api, gateway: Gateway, tasks: asyncio.TaskGroup
) -> None:
    await gateway.register()
    outcome = tasks.create_task(api.tool_servers.execute(asked(api)))
    await gateway.invoked()
    error = pb.ToolError(code="order_not_found", message="No such order.", private_detail="row 7")
    await gateway.answer("call_1", error=error)
    assert await outcome == ToolFailure("order_not_found", "No such order.", "row 7", undone=True)


async def test_cancelled_invocation_is_told_to_the_gateway(api: Api, gateway: Gateway) -> None:
    await gateway.register()
    async with asyncio.TaskGroup() as tasks:
        outcome = tasks.create_task(api.tool_servers.execute(asked(api)))
        await gateway.invoked()
        outcome.cancel("interrupted")
    response = await gateway.hear()
    assert response.cancellation == pb.ToolCancellation(tool_call_id="call_1", reason="interrupted")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({}, "invalid_result"),
        ({"output_json": "{"}, "invalid_result"),
        ({"output_json": '"' + "x" * MAX_OUTPUT_BYTES + '"'}, "output_too_large"),
        ({"error": pb.ToolError()}, "invalid_result"),
        ({"error": pb.ToolError(code="not a code")}, "invalid_result"),
        ({"error": pb.ToolError(code="no", message="x" * 1001)}, "invalid_result"),
        ({"error": pb.ToolError(code="no", private_detail="x" * 4001)}, "invalid_result"),
    ],
)
async def test_wrong_result_fails_its_own_tool_and_the_stream_goes_on(
    api: Api, gateway: Gateway, tasks: asyncio.TaskGroup, answer: dict[str, Any], code: str
) -> None:
    await gateway.register()
    wrong, right = (tasks.create_task(api.tool_servers.execute(asked(api, n))) for n in (1, 2))
    await gateway.invoked()
    await gateway.invoked()
    await gateway.answer("call_1", **answer)
    await gateway.answer("call_2", output_json="true")
    assert failure_of(await wrong).code == code
    assert await right == ToolOutput("true")


def registering(**fields: Any) -> dict[str, Any]:
    return {"register": pb.ToolRegistration(**{"tool_names": ["f"], **fields})}


@pytest.mark.parametrize(
    ("first", "field"),
    [
        ({}, "register"),
        ({"leave": pb.ToolLeave()}, "register"),
        ({"result": pb.ToolResult(tool_call_id="call_1")}, "register"),
        (registering(tool_names=[]), "register.tool_names"),
        (registering(tool_names=["f"] * 129), "register.tool_names"),
        (registering(tool_names=["f", "no name"]), "register.tool_names[1]"),
        (registering(tenant_id="x" * 129), "register.tenant_id"),
        (registering(agent_ids=["a"] * 101), "register.agent_ids"),
        (registering(agent_ids=[""]), "register.agent_ids[0]"),
        (registering(connection_ids=["c"] * 101), "register.connection_ids"),
        (registering(connection_ids=["c", "\n"]), "register.connection_ids[1]"),
        (registering(max_concurrent=-1), "register.max_concurrent"),
        (registering(max_concurrent=257), "register.max_concurrent"),
    ],
)
async def test_first_message_that_does_not_register_is_refused_by_its_field(
    gateway: Gateway, first: dict[str, Any], field: str
) -> None:
    await gateway.say(**first)
    refusal = await gateway.refused()
    assert refusal.code() is Code.INVALID_ARGUMENT
    assert wrong_fields_of(refusal) == [field]


async def test_stream_that_closes_without_a_word_is_refused(gateway: Gateway) -> None:
    await gateway.close_own_side()
    refusal = await gateway.refused()
    assert wrong_fields_of(refusal) == ["register"]


async def test_stream_that_does_not_register_in_time_is_refused(
    api: Api, gateway: Gateway, tasks: asyncio.TaskGroup
) -> None:
    waiting = tasks.create_task(gateway.refused())
    while not waiting.done():
        await api.world.clock.advance(REGISTER_WITHIN_S)
        await asyncio.wait([waiting], timeout=0.05)
    assert wrong_fields_of(await waiting) == ["register"]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, ""),
        (registering(), "register"),
        ({"result": pb.ToolResult(output_json="1")}, "result.tool_call_id"),
    ],
)
async def test_message_that_has_no_place_ends_the_stream_and_fails_what_was_under_way(
    api: Api,
    gateway: Gateway,
    tasks: asyncio.TaskGroup,
    message: dict[str, Any],
    field: str,
) -> None:
    await gateway.register()
    outcome = tasks.create_task(api.tool_servers.execute(asked(api)))
    await gateway.invoked()
    await gateway.say(**message)
    refusal = await gateway.refused()
    assert refusal.code() is Code.INVALID_ARGUMENT
    assert wrong_fields_of(refusal) == [field]
    assert failure_of(await outcome).code == "tool_server_lost"


@pytest.mark.parametrize("how", ["breaks off", "closes its side"])
async def test_gateway_that_is_gone_fails_what_was_under_way_and_another_takes_the_next(
    api: Api, gateway: Gateway, tasks: asyncio.TaskGroup, how: str
) -> None:
    await gateway.register(connection_ids=["call-1"])
    other = Gateway(api)
    await other.register()
    outcome = tasks.create_task(api.tool_servers.execute(asked(api, 1)))
    await gateway.invoked()
    if how == "breaks off":
        gateway.break_off()
    else:
        await gateway.close_own_side()
        assert await gateway.ended() is Code.OK
    assert failure_of(await outcome).code == "tool_server_lost"
    following = tasks.create_task(api.tool_servers.execute(asked(api, 2)))
    assert (await other.invoked()).tool_call_id == "call_2"
    await other.answer("call_2", output_json="2")
    assert await following == ToolOutput("2")
    other.break_off()


async def test_leaving_gateway_answers_what_it_owes_before_its_stream_ends_well(
    api: Api, gateway: Gateway, tasks: asyncio.TaskGroup
) -> None:
    await gateway.register()
    outcome: asyncio.Task[ToolOutcome] = tasks.create_task(api.tool_servers.execute(asked(api)))
    await gateway.invoked()
    await gateway.say(leave=pb.ToolLeave())
    await gateway.answer("call_1", output_json="true")
    assert await outcome == ToolOutput("true")
    assert await gateway.ended() is Code.OK


async def test_server_that_stops_ends_streams_with_a_reason_to_come_back(
    api: Api, gateway: Gateway
) -> None:
    await gateway.register()
    api.tool_servers.close()
    refusal = await gateway.refused()
    assert refusal.code() is Code.UNAVAILABLE
    assert reason_of(refusal) == "SERVER_STOPPING"
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in status_of(refusal).details)


async def test_gateway_that_does_not_read_is_cut_off_and_told_so(
    api: Api, gateway: Gateway, tasks: asyncio.TaskGroup
) -> None:
    await gateway.register(max_concurrent=256)
    arguments = json.dumps({"text": "x" * 200_000})
    outcomes = []
    for number in range(64):  # more than any socket's buffers hold
        asking = api.tool_servers.execute(asked(api, number, arguments=arguments))
        outcomes.append(tasks.create_task(asking))
    while not outcomes[-1].done():
        await asyncio.sleep(0.05)  # for the sockets, which no test clock moves
        await api.world.clock.advance(READ_WITHIN_S)
    codes = {outcome.code for task in outcomes if isinstance(outcome := await task, ToolFailure)}
    assert codes == {"tool_server_lost", "no_tool_server"}
    refusal = await gateway.refused()
    assert refusal.code() is Code.RESOURCE_EXHAUSTED
    assert reason_of(refusal) == "TOOL_SERVER_TOO_SLOW"


async def test_without_calls_there_are_no_tools_to_serve() -> None:
    async with serving(livekit=False) as api:
        refusal = await Gateway(api).refused()
        assert refusal.code() is Code.FAILED_PRECONDITION
        assert reason_of(refusal) == "LIVEKIT_DISABLED"


async def test_every_gateway_has_its_own_stream_on_one_connection(
    api: Api, tasks: asyncio.TaskGroup
) -> None:
    gateways = [Gateway(api) for _ in range(20)]
    for number, gateway in enumerate(gateways):
        await gateway.register(connection_ids=[f"call-{number}"])
    await settle()
    outcome = tasks.create_task(api.tool_servers.execute(asked(api)))
    assert (await gateways[1].invoked()).tool_call_id == "call_1"
    await gateways[1].answer("call_1", output_json="1")
    assert await outcome == ToolOutput("1")
    for gateway in gateways:
        gateway.break_off()
