"""Tools, heard: gateways that die and are replaced, HTTP endpoints, MCP servers."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bridge.client import BridgeClient
from bridge.room.caller import Caller
from bridge.simulator import Simulator, SimulatorSettings
from bridge.v1 import call_pb2, report_pb2
from tests import mcp_shop
from tests.e2e.rig import SOON_S, bridge_process, called, ended, hears, ready, silence
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

AGENT = """
agentId: tester
name: Tess
languages: [en]
instructions: Look orders up.
greeting: {user_first: true}
turn_detection: {type: server_vad, silence_duration_ms: 200, prefix_padding_ms: 100}
transcription: "off"
"""
PARAMETERS = """
    description: Finds an order.
    parameters:
      type: object
      properties: {number: {type: integer}}
      required: [number]
    timeout: 8s
"""
BY_GATEWAY = f"tools:\n  - name: find_order{PARAMETERS}"
TIMEOUT_S = 8.0

FOUND_HZ, APOLOGY_HZ = 900.0, 600.0
"""What the agent says of an order, and of one that it cannot look up."""


def script(tool: str) -> str:
    """Return what a model does that looks an order up whenever it is spoken to."""
    return f"""
rules:
  - when: {{tool: {tool}, output: shipped}}
    say: {{tone_hz: {FOUND_HZ}, duration_ms: 800, transcript: It is on its way}}
  - when: {{tool: {tool}, output: '"error"'}}
    say: {{tone_hz: {APOLOGY_HZ}, duration_ms: 800, transcript: I am sorry}}
  - when: any
    call: {{tool: {tool}, arguments: {{number: 7}}}}
"""


@asynccontextmanager
async def bridge_with(
    livekit: LiveKitServer,
    folder: Path,
    agent: str,
    tool: str = "find_order",
    **environment: str,
) -> AsyncIterator[tuple[BridgeClient, str]]:
    """Run a server whose only agent has these tools, and whose model calls one of them.

    Give a client of it, and its address.
    """
    agents = folder / "agents"
    agents.mkdir()
    (agents / "tester.yaml").write_text(AGENT + agent)
    rules = folder / "script.yaml"
    rules.write_text(script(tool))
    settings = SimulatorSettings(behaviour="script", script=rules, first_delta_ms=0, speed=8)
    async with (
        Simulator(settings) as simulator,
        bridge_process(
            livekit,
            simulator.url,
            folder / "bridge.log",
            MEDIABRIDGE_AGENTS_DIR=str(agents),
            **environment,
        ) as bridge,
        BridgeClient(bridge.address) as client,
    ):
        yield client, bridge.address


class Gateway:
    """A process that executes the tool."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, word: str) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(SOON_S):
            assert (await self._process.stdout.readline()).decode().strip() == word

    def kill(self) -> None:
        self._process.kill()


@asynccontextmanager
async def gateway(address: str, what: str, *agents: str) -> AsyncIterator[Gateway]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.e2e.tool_gateway", address, what, *agents),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        running = Gateway(process)
        await running.says("registered")
        yield running
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def ask(caller: Caller) -> None:
    await caller.play(tone(440, 400) + silence(400))


async def tools_of(client: BridgeClient, connection_id: str) -> list[tuple[int, str]]:
    """End the call, which must be alive, and return what became of its tools."""
    await client.end_call(connection_id)
    report = await ended(client, connection_id)
    assert report.call.end_reason == call_pb2.END_REASON_API_ENDED
    return [(use.status, use.code) for turn in report.turns for use in turn.tools]


SUCCEEDED = (report_pb2.TOOL_STATUS_SUCCEEDED, "")


@pytest.mark.parametrize("workers", ["0", "1"])
async def test_gateway_killed_in_the_middle_of_a_tool_call_costs_an_apology_and_no_more(
    livekit_server: LiveKitServer, tmp_path: Path, workers: str
) -> None:
    async with (
        bridge_with(livekit_server, tmp_path, BY_GATEWAY, MEDIABRIDGE_WORKERS=workers) as (
            client,
            address,
        ),
        gateway(address, "hangs", "tester") as closest,
        gateway(address, "answers") as other,
        called(client) as (created, caller),
    ):
        await ready(client, created.connection_id)
        await ask(caller)
        await closest.says("asked")
        closest.kill()
        killed_s = time.monotonic()
        await hears(caller, APOLOGY_HZ)
        assert time.monotonic() - killed_s < TIMEOUT_S
        await asyncio.sleep(1.0)  # until it has said all of it: the next is no barge-in
        await ask(caller)
        await other.says("asked")
        await hears(caller, FOUND_HZ)
        lost = (report_pb2.TOOL_STATUS_FAILED, "tool_server_lost")
        assert await tools_of(client, created.connection_id) == [lost, SUCCEEDED]


async def test_http_endpoint_is_asked_and_its_answer_is_heard(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    asked: list[tuple[str, str | None, Any]] = []

    async def find(request: web.Request) -> web.Response:
        authorization = request.headers.get("Authorization")
        asked.append((request.path, authorization, await request.json()))
        return web.json_response({"shipped": True})

    app = web.Application()
    app.router.add_post("/orders/{number}", find)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    agent = (
        BY_GATEWAY
        + f"""    http:
      url: http://127.0.0.1:{port}/orders/{{number}}
      headers: {{Authorization: "Bearer ${{TOOL_ORDERS}}"}}
"""
    )
    try:
        async with (
            bridge_with(
                livekit_server,
                tmp_path,
                agent,
                MEDIABRIDGE_TOOL_HTTP_ALLOW=f"127.0.0.1:{port}",
                TOOL_ORDERS="s3cret",
            ) as (client, _),
            called(client) as (created, caller),
        ):
            await ready(client, created.connection_id)
            await ask(caller)
            await hears(caller, FOUND_HZ)
            assert await tools_of(client, created.connection_id) == [SUCCEEDED]
    finally:
        await runner.cleanup()
    assert asked == [("/orders/7", "Bearer s3cret", {})]
    assert "s3cret" not in (tmp_path / "bridge.log").read_text()


async def test_mcp_server_is_asked_and_when_it_is_gone_the_caller_hears_so(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    with mcp_shop.running() as (shop, port):
        agent = f"""mcp:
  - name: shop
    url: http://127.0.0.1:{port}/mcp
    headers: {{Authorization: "Bearer ${{TOOL_SHOP}}"}}
    tools: [find_order]
"""
        async with bridge_with(
            livekit_server,
            tmp_path,
            agent,
            "shop_find_order",
            MEDIABRIDGE_TOOL_HTTP_ALLOW=f"127.0.0.1:{port}",
            TOOL_SHOP=mcp_shop.TOKEN,
        ) as (client, _):
            await offered(tmp_path / "bridge.log")
            async with called(client) as (created, caller):
                await ready(client, created.connection_id)
                await ask(caller)
                await hears(caller, FOUND_HZ)
                shop.kill()
                await asyncio.sleep(1.0)  # until it has said all of it: the next is no barge-in
                await ask(caller)
                await hears(caller, APOLOGY_HZ)
                succeeded, (status, code) = await tools_of(client, created.connection_id)
    assert succeeded == SUCCEEDED
    assert status == report_pb2.TOOL_STATUS_FAILED
    assert code in {"mcp_lost", "mcp_unavailable"}


async def offered(log: Path) -> None:
    """Wait until the bridge has been told what the MCP server offers: only its log says so."""
    async with asyncio.timeout(SOON_S):
        while "mcp server offers" not in events_in(log):
            await asyncio.sleep(0.05)


def events_in(log: Path) -> list[str]:
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]
