"""Events of calls at an endpoint of its own: verified, in order, over the server's death."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bridge.client import BridgeClient
from bridge.simulator import Simulator
from tests.e2e.rig import SOON_S, bridge_process, free_port, joined, ready
from tests.livekit_server import LiveKitServer
from tests.unit.webhooks.test_signing import SECRET, snippet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class Receiver:
    """An endpoint that verifies as the documentation says, and that can be down."""

    def __init__(self) -> None:
        self.port = free_port()
        self.status = 200
        self.events: list[dict[str, Any]] = []
        self.refused = 0
        self.is_gone = True
        self.replayed: list[dict[str, Any]] = []
        found: dict[str, Any] = {}
        exec(snippet("python"), found)  # noqa: S102 - the documentation's own
        self._is_ours = found["is_ours"]

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert self._is_ours(request.headers, body, SECRET)
        if self.status != 200:
            self.refused += 1
            return web.Response(status=self.status)
        event = json.loads(body)
        assert request.headers["webhook-id"] == f"{event['connectionId']}.{event['sequence']}"
        self.events.append(event)
        return web.Response()

    async def refuse_for_good(self, request: web.Request) -> web.Response:
        if self.is_gone:
            return web.Response(status=410)
        self.replayed.append(json.loads(await request.read()))
        return web.Response()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/hook", self.take)
        app.router.add_post("/gone", self.refuse_for_good)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    def of(self, connection_id: str) -> list[dict[str, Any]]:
        """Return a call's events as they came, without what came twice."""
        by_sequence = {
            int(one["sequence"]): one for one in self.events if one["connectionId"] == connection_id
        }
        return list(by_sequence.values())

    async def has_the_end_of(self, connection_id: str) -> None:
        async with asyncio.timeout(SOON_S):
            while not any("ended" in one for one in self.of(connection_id)):
                await asyncio.sleep(0.05)  # the endpoint tells nobody

    async def has_refused(self, count: int) -> None:
        async with asyncio.timeout(SOON_S):
            while self.refused < count:
                await asyncio.sleep(0.05)


async def test_events_come_in_order_although_endpoint_and_server_die(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    receiver = Receiver()
    file = tmp_path / "webhooks.yaml"
    endpoint = {"name": "shop", "url": f"http://127.0.0.1:{receiver.port}/hook", "secret": SECRET}
    dead = {**endpoint, "name": "gone", "url": f"http://127.0.0.1:{receiver.port}/gone"}
    file.write_text(json.dumps({"tenants": {"acme": [endpoint, {**dead, "events": ["ended"]}]}}))
    environment = {
        "MEDIABRIDGE_STORE_URL": f"sqlite:///{tmp_path / 'calls.db'}",
        "MEDIABRIDGE_RETENTION": "all",
        "MEDIABRIDGE_WEBHOOKS": str(file),
        "MEDIABRIDGE_WEBHOOK_ALLOW": f"127.0.0.1:{receiver.port}",
        "MEDIABRIDGE_HOST_ID": "front-a",
    }
    async with receiver.listening():
        async with (
            bridge_process(
                livekit_server, simulator.url, tmp_path / "one.log", **environment
            ) as running,
            BridgeClient(running.address) as client,
        ):
            first = await client.create_room("Ada", "tester", tenant_id="acme")
            async with joined(first):
                await ready(client, first.connection_id)
            await receiver.has_the_end_of(first.connection_id)
            receiver.status = 503
            second = await client.create_room("Bob", "tester", tenant_id="acme")
            other = await client.create_room("Eve", "tester", tenant_id="globex")
            await receiver.has_refused(1)
            await asyncio.sleep(0.2)  # until the store has what happened
            running.kill()
            await running.exit_status()
        receiver.status = 200
        async with bridge_process(
            livekit_server, simulator.url, tmp_path / "two.log", **environment
        ):
            await receiver.has_the_end_of(second.connection_id)
            listed = await _webhooks(environment, simulator.url, "dead")
            assert first.connection_id in listed
            assert "http 410" in listed
            receiver.is_gone = False
            said = await _webhooks(environment, simulator.url, "replay", "--endpoint", "gone")
            assert said.endswith("taken, 0 left\n")
            assert "no dead letters" in await _webhooks(environment, simulator.url, "dead")
    replayed = [one["connectionId"] for one in receiver.replayed if "ended" in one]
    assert first.connection_id in replayed
    for call in (first, second):
        told = [int(one["sequence"]) for one in receiver.of(call.connection_id)]
        assert told == list(range(1, len(told) + 1))
    assert receiver.of(second.connection_id)[-1]["ended"]["report"]["call"]["endReason"]
    assert receiver.of(other.connection_id) == []


async def _webhooks(environment: dict[str, str], model_url: str, *arguments: str) -> str:
    """Run `mediabridge webhooks`, as an operator beside the server."""
    variables = {"LIVEKIT_ENABLED": "false", "OPENAI_BASE_URL": model_url, "COLUMNS": "300"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge.cli.main", "webhooks", *arguments),
        env=environment | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()
