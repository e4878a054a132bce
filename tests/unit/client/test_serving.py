"""Does a gateway's function run when the bridge asks for it, whatever happens to the stream?"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import grpc
import pytest

from bridge.client import (
    Backoff,
    BridgeClient,
    PermissionDeniedError,
    ToolError,
    ToolFunction,
    ToolServer,
    UnavailableError,
    current_invocation,
)
from bridge.v1.tool_service_pb2 import ServeToolsRequest, ToolRegistration
from tests.unit.client.fake_bridge import (
    FakeBridge,
    Refuse,
    ToolStream,
    error_info,
    retry_info,
    serving,
)

LOST = Refuse(grpc.StatusCode.UNAVAILABLE, "lost")
DENIED = Refuse(grpc.StatusCode.PERMISSION_DENIED, "not yours", [error_info("OTHER_TENANT")])


async def find_order(arguments: dict[str, object]) -> object:
    return {"number": arguments["number"], "shipped": True, "to": "Zoë"}


class Desk:
    """A tool server and the stream that it is on."""

    def __init__(self, fake: FakeBridge, server: ToolServer, stream: ToolStream) -> None:
        self._fake = fake
        self.server = server
        self.stream = stream

    async def comes_back(self) -> ToolStream:
        self.stream = await self._fake.tool_streams.get()
        await self.stream.hear()
        return self.stream


Serve = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def serve(fake: FakeBridge, bridge: BridgeClient) -> Serve:
    @asynccontextmanager
    async def served(*functions: ToolFunction, **options: Any) -> AsyncIterator[Desk]:
        async with asyncio.TaskGroup() as tasks:
            registering = tasks.create_task(admit(fake))
            named = {function.__name__: function for function in functions}
            async with bridge.serve_tools(named, agent_ids=["receptionist"], **options) as server:
                yield Desk(fake, server, await registering)

    return served


async def admit(fake: FakeBridge) -> ToolStream:
    """Register the next stream that comes."""
    stream = await fake.tool_streams.get()
    await stream.hear()
    stream.register()
    return stream


async def leaves_well(stream: ToolStream) -> None:
    """Let a tool server leave that owes nothing."""
    said = await stream.hear()
    assert said.WhichOneof("kind") == "leave"
    stream.end()


async def test_it_registers_what_it_is_told(fake: FakeBridge, bridge: BridgeClient) -> None:
    async with asyncio.TaskGroup() as tasks:

        async def attend() -> ServeToolsRequest:
            stream = await fake.tool_streams.get()
            first = await stream.hear()
            stream.register()
            await leaves_well(stream)
            return first

        attending = tasks.create_task(attend())
        async with bridge.serve_tools(
            {"find_order": find_order},
            tenant_id="acme",
            agent_ids=["receptionist"],
            connection_ids=["call-1"],
            max_concurrent=3,
        ):
            pass
    assert (await attending).register == ToolRegistration(
        tenant_id="acme",
        agent_ids=["receptionist"],
        connection_ids=["call-1"],
        tool_names=["find_order"],
        max_concurrent=3,
    )


async def test_function_gets_arguments_and_its_output_is_the_result(serve: Serve) -> None:
    async with serve(find_order) as desk:
        desk.stream.invoke("find_order", '{"number": 7}')
        result = await desk.stream.result()
        assert result.tool_call_id == "call_1"
        assert json.loads(result.output_json) == {"number": 7, "shipped": True, "to": "Zoë"}
        desk.stream.end()


async def test_function_knows_for_which_call_it_runs(serve: Serve) -> None:
    async def whose(_arguments: dict[str, object]) -> object:
        invocation = current_invocation()
        return [invocation.connection_id, invocation.metadata["order"]]

    async with serve(whose) as desk:
        desk.stream.invoke("whose")
        assert json.loads((await desk.stream.result()).output_json) == ["call-1", "7"]
        desk.stream.end()
    with pytest.raises(LookupError):
        current_invocation()


async def test_functions_run_at_the_same_time(serve: Serve) -> None:
    met = asyncio.Barrier(2)

    async def meet(_arguments: dict[str, object]) -> object:
        return await met.wait() < 2

    async with serve(meet) as desk:
        desk.stream.invoke("meet", number=1)
        desk.stream.invoke("meet", number=2)
        results = [await desk.stream.result(), await desk.stream.result()]
        assert {result.tool_call_id for result in results} == {"call_1", "call_2"}
        desk.stream.end()


async def test_tool_error_is_told_as_it_was_raised(serve: Serve) -> None:
    async def find(_arguments: dict[str, object]) -> object:
        raise ToolError("order_not_found", "There is no such order.", "d" * 5000)

    async with serve(find) as desk:
        desk.stream.invoke("find")
        error = (await desk.stream.result()).error
        assert (error.code, error.message) == ("order_not_found", "There is no such order.")
        assert error.private_detail == "d" * 4000
        desk.stream.end()


async def test_of_an_unforeseen_error_the_bridge_learns_the_name_alone(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def find(_arguments: dict[str, object]) -> object:
        raise KeyError("card number 4111")

    async with serve(find) as desk:
        with caplog.at_level(logging.ERROR):
            desk.stream.invoke("find")
            result = await desk.stream.result()
        assert result.error.code == "tool_failed"
        assert result.error.private_detail == "KeyError"
        assert "4111" not in str(result)
        assert "Traceback" not in str(result)
        assert any(record.exc_info for record in caplog.records), "the gateway's own log has it"
        desk.stream.end()


@pytest.mark.parametrize(
    ("output", "code"),
    [
        (object(), "invalid_result"),
        (float("nan"), "invalid_result"),
        ("\ud800", "invalid_result"),
        ("x" * 65_535, "output_too_large"),
    ],
)
async def test_output_that_nobody_can_read_is_an_error(
    serve: Serve, output: object, code: str
) -> None:
    async def find(_arguments: dict[str, object]) -> object:
        return output

    async with serve(find) as desk:
        desk.stream.invoke("find")
        assert (await desk.stream.result()).error.code == code
        desk.stream.end()


async def test_tool_that_nobody_has_registered_is_an_error(serve: Serve) -> None:
    async with serve(find_order) as desk:
        desk.stream.invoke("cancel_order")
        assert (await desk.stream.result()).error.code == "unknown_tool"
        desk.stream.end()


def test_code_must_be_one() -> None:
    with pytest.raises(ValueError, match="a code is"):
        ToolError("no code")


class Endless:
    """A tool that runs until it is stopped."""

    __name__ = "endless"

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.was_stopped = asyncio.Event()

    async def __call__(self, _arguments: dict[str, object]) -> object:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.was_stopped.set()
        return None


async def test_cancellation_stops_the_function_and_nothing_is_answered(serve: Serve) -> None:
    endless = Endless()
    async with serve(endless, find_order) as desk:
        desk.stream.invoke("endless", number=1)
        await endless.began.wait()
        desk.stream.cancel(number=1)
        await endless.was_stopped.wait()
        desk.stream.invoke("find_order", '{"number": 1}', number=2)
        assert (await desk.stream.result()).tool_call_id == "call_2"
        desk.stream.end()


async def test_lost_stream_stops_what_ran_on_it_and_is_made_anew(serve: Serve) -> None:
    endless = Endless()
    async with serve(endless, find_order) as desk:
        desk.stream.invoke("endless")
        await endless.began.wait()
        desk.stream.refuse(LOST)
        stream = await desk.comes_back()
        assert endless.was_stopped.is_set()
        registered = [desk.server.is_registered]
        stream.register()
        stream.invoke("find_order", '{"number": 1}', number=2)
        assert (await stream.result()).tool_call_id == "call_2"
        registered.append(desk.server.is_registered)
        assert registered == [False, True]
        stream.end()


async def test_stream_that_the_bridge_ends_well_is_made_anew(serve: Serve) -> None:
    async with serve(find_order) as desk:
        desk.stream.end()
        stream = await desk.comes_back()
        stream.register()
        stream.invoke("find_order", '{"number": 1}')
        assert (await stream.result()).output_json
        stream.end()


async def test_it_comes_back_however_long_the_bridge_stays_away(serve: Serve) -> None:
    async with serve(find_order) as desk:
        desk.stream.refuse(LOST)
        for _ in range(20):
            (await desk.comes_back()).refuse(LOST)
        stream = await desk.comes_back()
        stream.register()
        stream.invoke("find_order", '{"number": 1}')
        assert (await stream.result()).output_json
        stream.end()


async def test_it_comes_back_with_another_key_when_the_stream_s_has_expired(serve: Serve) -> None:
    lapsed = Refuse(
        grpc.StatusCode.UNAUTHENTICATED, "no longer", [error_info("CREDENTIALS_LAPSED")]
    )
    async with serve(find_order) as desk:
        desk.stream.refuse(lapsed)
        stream = await desk.comes_back()
        stream.register()
        stream.invoke("find_order", '{"number": 1}')
        assert (await stream.result()).output_json
        stream.end()


async def test_it_waits_as_long_as_the_bridge_asks(fake: FakeBridge) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    full = Refuse(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", [retry_info(5)])
    backoff = Backoff(first_s=1.0, jitter=0.0, attempts=3)
    async with (
        serving(fake) as target,
        BridgeClient(target, backoff=backoff, sleep=sleep) as bridge,
        asyncio.TaskGroup() as tasks,
    ):

        async def attend() -> None:
            (await fake.tool_streams.get()).refuse(full)
            (await fake.tool_streams.get()).refuse(LOST)
            await leaves_well(await admit(fake))

        tasks.create_task(attend())
        async with bridge.serve_tools({"find_order": find_order}):
            pass
    assert slept == [5.0, 2.0]


async def test_bridge_that_is_not_there_at_the_start_is_given_up(
    fake: FakeBridge, bridge: BridgeClient
) -> None:
    async def attend() -> None:
        while True:
            (await fake.tool_streams.get()).refuse(LOST)

    async with asyncio.TaskGroup() as tasks:
        attending = tasks.create_task(attend())
        with pytest.raises(UnavailableError):
            async with bridge.serve_tools({"find_order": find_order}):
                pytest.fail("it never registered")
        attending.cancel()


async def test_stream_that_ends_before_it_began_is_tried_again(
    fake: FakeBridge, bridge: BridgeClient
) -> None:
    async with asyncio.TaskGroup() as tasks:

        async def attend() -> None:
            (await fake.tool_streams.get()).end()
            await leaves_well(await admit(fake))

        tasks.create_task(attend())
        async with bridge.serve_tools({"find_order": find_order}) as server:
            assert server.is_registered


async def test_refusal_for_good_is_raised_on_entering(
    fake: FakeBridge, bridge: BridgeClient
) -> None:
    async with asyncio.TaskGroup() as tasks:

        async def attend() -> None:
            (await fake.tool_streams.get()).refuse(DENIED)

        tasks.create_task(attend())
        with pytest.raises(PermissionDeniedError) as refused:
            async with bridge.serve_tools({"find_order": find_order}):
                pytest.fail("it never registered")
        assert refused.value.reason == "OTHER_TENANT"


async def test_refusal_for_good_later_ends_whoever_waits(serve: Serve) -> None:
    async def serve_until_refused() -> None:
        async with serve(find_order) as desk:
            desk.stream.refuse(DENIED)
            await desk.server.forever()

    with pytest.raises(ExceptionGroup) as ended:
        await serve_until_refused()
    assert ended.group_contains(PermissionDeniedError)


async def test_leaving_waits_for_what_is_running_and_then_ends(serve: Serve) -> None:
    may_end = asyncio.Event()

    async def slow(_arguments: dict[str, object]) -> object:
        await may_end.wait()
        return "done"

    async def see_it_off(stream: ToolStream) -> None:
        assert (await stream.hear()).WhichOneof("kind") == "leave"
        may_end.set()
        assert (await stream.result()).output_json == '"done"'
        stream.end()

    async with asyncio.TaskGroup() as tasks, serve(slow) as desk:
        desk.stream.invoke("slow")
        seeing_off = tasks.create_task(see_it_off(desk.stream))
    assert seeing_off.done()


async def test_leaving_waits_no_longer_than_it_is_told(serve: Serve) -> None:
    endless = Endless()
    async with serve(endless, leave_within=timedelta()) as desk:
        desk.stream.invoke("endless")
        await endless.began.wait()
    assert endless.was_stopped.is_set()
    await desk.stream.gone()
