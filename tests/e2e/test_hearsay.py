"""LiveKit's webhooks, from a real server: what they tell that a blind bot does not see."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from livekit import api

from bridge.client import BridgeClient
from bridge.ports.room_event import LeaveReason
from bridge.room.caller import Caller
from bridge.room.webhooks import PATH
from bridge.simulator import Simulator
from bridge.v1 import call_pb2
from tests.e2e.frozen import way_to
from tests.e2e.rig import SOON_S, bridge_process, called, ended, free_port, ready
from tests.livekit_server import LiveKitServer, livekit_telling

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class Witness:
    """Gets the same webhooks as the bridge."""

    def __init__(self) -> None:
        self.port = free_port()
        self.bodies: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def receive(self, request: web.Request) -> web.Response:
        self.bodies.append((request.headers["Authorization"], await request.read()))
        return web.Response()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/", self.receive)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def told(self, event: str) -> tuple[str, bytes]:
        """Wait for an event's webhook."""
        async with asyncio.timeout(SOON_S):
            while True:
                for authorization, body in self.bodies:
                    if f'"{event}"'.encode() in body:
                        return authorization, body
                await asyncio.sleep(0.05)  # the witness tells nobody


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def telling(witness: Witness, address: str) -> Iterator[LiveKitServer]:
    with livekit_telling(f"http://{address}{PATH}", witness.url) as server:
        yield server


async def test_room_that_ended_behind_a_blind_bot_s_back_ends_its_call(
    telling: LiveKitServer, simulator: Simulator, witness: Witness, address: str, tmp_path: Path
) -> None:
    parts = urlsplit(telling.url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with (
        witness.listening(),
        way_to(parts.hostname, parts.port) as way,
        bridge_process(
            telling,
            simulator.url,
            tmp_path / "bridge.log",
            LIVEKIT_SERVER_URL=f"ws://{way.address}",
            LIVEKIT_PUBLIC_URL=telling.url,
            MEDIABRIDGE_LIVEKIT_WEBHOOK_LISTEN=address,
            MEDIABRIDGE_WORKERS="1",
        ) as running,
        BridgeClient(running.address) as client,
        called(client) as (made, _),
    ):
        await ready(client, made.connection_id)
        way.freeze()
        keys = (telling.api_key, telling.api_secret)
        async with api.LiveKitAPI(telling.url, *keys) as livekit:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=made.room_name))
        loop = asyncio.get_running_loop()
        deleted_s = loop.time()
        report = await ended(client, made.connection_id)
        assert loop.time() - deleted_s < 8
        assert report.call.end_reason == call_pb2.END_REASON_ROOM_DELETED
        assert report.call.end_detail == "LiveKit says that the room is over"
        await _assert_only_livekit_is_heard(address, *(await witness.told("room_finished")))


async def test_who_comes_after_the_end_is_put_out_at_once(
    telling: LiveKitServer, simulator: Simulator, address: str, tmp_path: Path
) -> None:
    async with (
        bridge_process(
            telling,
            simulator.url,
            tmp_path / "bridge.log",
            MEDIABRIDGE_LIVEKIT_WEBHOOK_LISTEN=address,
        ) as running,
        BridgeClient(running.address) as client,
    ):
        made = await client.create_room("Ada", "tester")
        await client.end_call(made.connection_id)
        await ended(client, made.connection_id)
        # LiveKit makes the room anew for whoever has a token.
        async with (
            asyncio.timeout(SOON_S),
            Caller.join(made.server_url, made.access_token, publish=False) as late,
        ):
            assert await late.wait_until_gone() is LeaveReason.ROOM_DELETED


async def _assert_only_livekit_is_heard(address: str, authorization: str, body: bytes) -> None:
    """Send what LiveKit has sent once more, and forged."""
    async with aiohttp.ClientSession() as client:

        async def send(authorization: str, body: bytes) -> int:
            headers = {"Authorization": authorization, "Content-Type": "application/webhook+json"}
            url = f"http://{address}{PATH}"
            async with client.post(url, data=body, headers=headers) as answer:
                return answer.status

        assert await send(authorization, body) == HTTPStatus.CONFLICT
        assert await send(authorization, body.replace(b"room", b"rome")) == HTTPStatus.UNAUTHORIZED
        assert await send("", body) == HTTPStatus.UNAUTHORIZED
