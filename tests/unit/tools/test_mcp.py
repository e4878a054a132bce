"""Tools of a real MCP server on loopback: offered, called, lost and found again."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.destinations import Destinations
from bridge.ports.tool import (
    McpEndpoint,
    McpExecution,
    McpProgram,
    McpServer,
    ToolOutcome,
    ToolOutput,
)
from bridge.tools.mcp import McpTools
from bridge.tools.mcp_connection import Connector
from bridge.tools.mcp_session import ASK_EVERY_S, LONGEST_RETRY_S, McpSession
from tests import mcp_shop
from tests.fakes.clock import FakeClock
from tests.unit.tools.invocations import failure_of, invocation

HEADERS = (("Authorization", "Bearer ${TOOL_SHOP}"),)
SECRETS = {"TOOL_SHOP": mcp_shop.TOKEN}


@pytest.fixture(scope="module")
def shop() -> Iterator[int]:
    """Serve a shop that every test may use and none may break; give its port."""
    with mcp_shop.running() as (_, port):
        yield port


class Tools:
    """McpTools with a clock of its own."""

    def __init__(self, listed: str, *, programs: bool = False) -> None:
        self.clock = FakeClock()
        connector = Connector(Destinations(listed), SECRETS, "1.2.3", programs=programs)

        async def make_session(server: McpServer) -> McpSession:
            return McpSession(server, connector.connect, self.clock)

        self.mcp = McpTools(make_session, self.clock)

    async def offers(self, server: McpServer, wanted: str = "find_order") -> None:
        """Wait until the server offers this tool: for its process, which no test clock moves."""
        while wanted not in (tool.name for tool in self.mcp.offered(server)):
            await asyncio.sleep(0.01)
            await self.clock.advance(LONGEST_RETRY_S)

    async def call(
        self, server: McpServer, tool: str, arguments: str = "{}", within_s: float = 10.0
    ) -> ToolOutcome:
        asked = invocation(
            self.clock,
            arguments=arguments,
            deadline=self.clock.now() + timedelta(seconds=within_s),
        )
        return await self.mcp.execute(McpExecution(server, tool), asked)

    async def hanging(self, server: McpServer, wanted: int) -> None:
        """Wait until so many calls hang in the server's process, which no test clock moves."""
        while await self.call(server, "hanging") != ToolOutput(f'{{"result":{wanted}}}'):
            pass


def at(port: int, host: str = "127.0.0.1") -> McpEndpoint:
    return McpEndpoint(f"http://{host}:{port}/mcp", HEADERS)


@pytest.fixture
async def tools(shop: int) -> AsyncIterator[Tools]:
    tools = Tools(f"127.0.0.1:{shop}")
    async with tools.mcp:
        tools.mcp.keep(frozenset({at(shop)}))
        await tools.offers(at(shop))
        yield tools


async def test_server_s_tools_are_offered_as_it_describes_them(tools: Tools, shop: int) -> None:
    offered = {tool.name: tool for tool in tools.mcp.offered(at(shop))}
    assert set(offered) >= {"find_order", "greeting", "hang", "fail"}
    assert offered["find_order"].description == "Find an order by its number."
    assert offered["find_order"].parameters["type"] == "object"
    assert offered["find_order"].parameters["required"] == ["number"]


@pytest.mark.parametrize(
    ("tool", "arguments", "output"),
    [
        ("find_order", '{"number": 7}', '{"number":7,"shipped":true}'),
        ("greeting", '{"name": "Zoë"}', '{"result":"Hello Zoë"}'),
        ("picture", "{}", '"a cat"'),
    ],
)
async def test_called_tool_gives_its_output(
    tools: Tools, shop: int, tool: str, arguments: str, output: str
) -> None:
    assert await tools.call(at(shop), tool, arguments) == ToolOutput(output)


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("fail", "{}", "tool_failed"),
        ("find_order", '{"number": "seven"}', "tool_failed"),
        ("no_such_tool", "{}", "tool_failed"),
        ("chatter", "{}", "output_too_large"),
        ("find_order", "{", "invalid_arguments"),
    ],
)
async def test_tool_that_fails_says_why(
    tools: Tools, shop: int, tool: str, arguments: str, code: str
) -> None:
    assert failure_of(await tools.call(at(shop), tool, arguments)).code == code


async def test_tool_that_takes_too_long_is_given_up(tools: Tools, shop: int) -> None:
    assert failure_of(await tools.call(at(shop), "hang", within_s=0.05)).code == "timeout"


async def test_cancelled_call_stops_at_the_server(tools: Tools, shop: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        hanging = tasks.create_task(tools.call(at(shop), "hang"))
        await tools.hanging(at(shop), 1)
        hanging.cancel()
    await tools.hanging(at(shop), 0)


async def test_calls_run_at_the_same_time(tools: Tools, shop: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        hanging = tasks.create_task(tools.call(at(shop), "hang"))
        for number in range(10):
            outcome = await tools.call(at(shop), "find_order", f'{{"number": {number}}}')
            assert isinstance(outcome, ToolOutput)
        assert not hanging.done()
        hanging.cancel()


async def test_server_that_dies_fails_what_was_under_way_and_is_found_again() -> None:
    with mcp_shop.running() as (process, port):
        tools = Tools(f"127.0.0.1:{port}")
        async with tools.mcp:
            tools.mcp.keep(frozenset({at(port)}))
            await tools.offers(at(port))
            async with asyncio.TaskGroup() as tasks:
                under_way = tasks.create_task(tools.call(at(port), "hang"))
                await tools.hanging(at(port), 1)
                process.kill()
            assert failure_of(await under_way).code == "mcp_lost"
            gone = failure_of(await tools.call(at(port), "greeting", '{"name": "Ada"}')).code
            assert gone in {"mcp_lost", "mcp_unavailable"}
            assert tools.mcp.offered(at(port)), "calls that begin now may see it come back"
            with mcp_shop.running(port):
                while not isinstance(
                    await tools.call(at(port), "greeting", '{"name": "Ada"}'), ToolOutput
                ):
                    await asyncio.sleep(0.01)
                    await tools.clock.advance(LONGEST_RETRY_S)


async def test_server_that_comes_later_is_found() -> None:
    with mcp_shop.running() as (process, port):
        process.kill()
        process.wait()
        tools = Tools(f"127.0.0.1:{port}")
        async with tools.mcp:
            tools.mcp.keep(frozenset({at(port)}))
            assert failure_of(await tools.call(at(port), "hang")).code == "mcp_unavailable"
            with mcp_shop.running(port):
                await tools.offers(at(port))


async def test_server_that_nobody_names_any_more_is_left(tools: Tools, shop: int) -> None:
    tools.mcp.keep(frozenset())
    assert tools.mcp.offered(at(shop)) == ()
    assert failure_of(await tools.call(at(shop), "find_order")).code == "mcp_unavailable"


async def test_keeping_the_same_servers_keeps_their_sessions(tools: Tools, shop: int) -> None:
    tools.mcp.keep(frozenset({at(shop)}))
    assert isinstance(await tools.call(at(shop), "greeting", '{"name": "Ada"}'), ToolOutput)


@pytest.mark.parametrize(
    ("listed", "changes"),
    [
        ("", {}),
        ("127.0.0.1:1", {}),
        ("localhost:{port}", {"host": "localhost"}),
    ],
)
async def test_server_that_is_not_listed_is_never_asked(
    listed: str, changes: dict[str, Any]
) -> None:
    arrived = asyncio.Event()

    async def arrive(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        writer.close()

    async with await asyncio.start_server(arrive, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        server = at(port, **changes)
        tools = Tools(listed.replace("{port}", str(port)))
        async with tools.mcp:
            tools.mcp.keep(frozenset({server}))
            for _ in range(5):
                await asyncio.sleep(0.01)
                await tools.clock.advance(LONGEST_RETRY_S)
            assert tools.mcp.offered(server) == ()
        assert not arrived.is_set()


async def test_listed_name_in_a_listed_network_is_asked(shop: int) -> None:
    server = at(shop, host="localhost")
    tools = Tools(f"localhost:{shop} 127.0.0.0/8:{shop}")
    async with tools.mcp:
        tools.mcp.keep(frozenset({server}))
        await tools.offers(server)


@pytest.mark.parametrize("headers", [(), (("Authorization", "Bearer ${TOOL_OTHER}"),)])
async def test_without_its_token_a_server_offers_nothing(
    shop: int, headers: tuple[tuple[str, str], ...]
) -> None:
    server = replace(at(shop), headers=headers)
    tools = Tools(f"127.0.0.1:{shop}")
    async with tools.mcp:
        tools.mcp.keep(frozenset({server, at(shop)}))
        await tools.offers(at(shop))
        assert tools.mcp.offered(server) == ()


def program() -> McpProgram:
    command = (sys.executable, mcp_shop.__file__, "stdio")
    return McpProgram(command, (("SHOP_TOKEN", "${TOOL_SHOP}"),))


async def test_program_is_spoken_to_by_its_streams_and_ends_with_its_session() -> None:
    tools = Tools("", programs=True)
    async with tools.mcp:
        tools.mcp.keep(frozenset({program()}))
        await tools.offers(program())
        outcome = await tools.call(program(), "token")
        assert outcome == ToolOutput(f'{{"result":"{mcp_shop.TOKEN}"}}')
        told = await tools.call(program(), "pid")
        assert isinstance(told, ToolOutput)
        pid: int = json.loads(told.output)["result"]
        assert pid != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_program_is_started_only_where_that_is_allowed() -> None:
    tools = Tools("", programs=False)
    async with tools.mcp:
        tools.mcp.keep(frozenset({program()}))
        await tools.clock.advance(ASK_EVERY_S)
        assert tools.mcp.offered(program()) == ()
        assert failure_of(await tools.call(program(), "token")).code == "mcp_unavailable"
