"""What goes over the wire, and what the endpoint's answers mean."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bridge.clock import SystemClock
from bridge.destinations import Destinations
from bridge.ids import ConnectionId
from bridge.messages.webhook_json import EventJson
from bridge.webhooks.endpoints import Endpoint
from bridge.webhooks.sending import Answer, Sender

CALL = ConnectionId("call-1")
EVENT = EventJson("warning", 0.0, b'{"sequence": "7"}')


class Receiver:
    """An endpoint on loopback."""

    def __init__(self) -> None:
        self.status = 200
        self.port = 0
        self.got: list[tuple[dict[str, str], bytes]] = []

    def endpoint(self, host: str = "127.0.0.1") -> Endpoint:
        return Endpoint("shop", f"http://{host}:{self.port}/hook?a=b%20c", b"k" * 32)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        assert request.path_qs == "/hook?a=b%20c"
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.port = runner.addresses[0][1]
    yield receiver
    await runner.cleanup()


@asynccontextmanager
async def sending_to(listed: str) -> AsyncIterator[Sender]:
    async with Sender(Destinations(listed), SystemClock()) as sender:
        yield sender


async def send(receiver: Receiver) -> Answer:
    async with sending_to(f"127.0.0.1:{receiver.port}") as sender:
        return await sender.send(receiver.endpoint(), CALL, 7, EVENT)


async def test_message_is_signed_and_named(receiver: Receiver) -> None:
    assert (await send(receiver)).taken
    ((head, body),) = receiver.got
    assert body == EVENT.body
    assert head["Content-Type"] == "application/json"
    assert head["webhook-id"] == "call-1.7"
    assert head["webhook-signature"].startswith("v1,")
    assert head["webhook-timestamp"].isdecimal()


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (204, Answer()),
        (302, Answer("http 302", rejected=True)),
        (400, Answer("http 400", rejected=True)),
        (410, Answer("http 410", rejected=True, gone=True)),
        (408, Answer("http 408")),
        (425, Answer("http 425")),
        (429, Answer("http 429")),
        (500, Answer("http 500")),
        (503, Answer("http 503")),
    ],
)
async def test_answers_tell_later_from_never(
    receiver: Receiver, status: int, answer: Answer
) -> None:
    receiver.status = status
    assert await send(receiver) == answer
    assert len(receiver.got) == 1, "redirects are not followed"


async def test_what_is_not_listed_is_not_connected_to(receiver: Receiver) -> None:
    """Whatever the file said when it was read: the list counts when it is sent."""
    for listed in ("", f"localhost:{receiver.port}"):  # the name stands for an address within
        async with sending_to(listed) as sender:
            for host in ("127.0.0.1", "localhost"):
                answer = await sender.send(receiver.endpoint(host), CALL, 7, EVENT)
                assert not answer.taken
                assert not answer.rejected
    assert receiver.got == []


async def test_nobody_there_is_no_rejection() -> None:
    gone = Endpoint("shop", "http://127.0.0.1:9/", b"k" * 32)
    async with sending_to("127.0.0.1:9") as sender:
        answer = await sender.send(gone, CALL, 7, EVENT)
    assert answer == Answer("ClientConnectorError")
