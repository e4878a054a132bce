"""What surrounds RPCs of every kind: requests parsed, refusals told, streams left tidily."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from bridge.access.access import Access
from bridge.access.jwks import Jwks
from bridge.access.principal import Limits, Scope
from bridge.access.tokens import TokenChecker
from bridge.api.guard import Guard
from bridge.api.interceptor import Edge
from bridge.errors import NotFound, WrongState
from bridge.v1.call_service_pb2 import EndCallRequest, EndCallResponse
from tests.fakes.clock import FakeClock
from tests.fakes.issuer import RULES, FakeJwksSource
from tests.fakes.keys import Keys
from tests.unit.api.keyed import bearer
from tests.unit.api.rig import end_of, free_address, reason_of, wrong_fields_of

_SERVICE = "bridge.v1.Echo"
_KINDS = ("One", "Many", "Count", "Talk", "Write")
_STREAMED = {"Count", "Talk", "Write"}
"""Those that are asked by a stream."""
_CLOSED = WrongState("CLOSED", "not here")
# What begins a group of three bytes that never come.
_GARBAGE = b"\x0a\xff"


class Echo:
    """One RPC of each kind: says what it is told, and refuses when told "refuse".

    Talk gives its answers to whoever iterates over them, Write writes them itself.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.left = asyncio.Event()
        """A response stream was left, however it ended."""

    async def one(self, request: EndCallRequest, _context: Any) -> EndCallResponse:
        return self._said(request)

    async def many(self, request: EndCallRequest, _context: Any) -> AsyncIterator[EndCallResponse]:
        for _ in range(3):
            yield self._said(request)

    async def count(
        self, requests: AsyncIterator[EndCallRequest], _context: Any
    ) -> EndCallResponse:
        said = [self._said(request).message async for request in requests]
        return EndCallResponse(message=str(len(said)))

    async def talk(
        self, requests: AsyncIterator[EndCallRequest], _context: Any
    ) -> AsyncIterator[EndCallResponse]:
        try:
            async for request in requests:
                yield self._said(request)
        finally:
            self.left.set()

    async def write(self, requests: AsyncIterator[EndCallRequest], context: Any) -> None:
        async for request in requests:
            await context.write(self._said(request))

    async def flood(
        self, _request: EndCallRequest, _context: Any
    ) -> AsyncIterator[EndCallResponse]:
        """Say more than anybody takes who does not read."""
        try:
            while True:
                yield EndCallResponse(message="x" * 60_000)
        finally:
            self.left.set()

    def _said(self, request: EndCallRequest) -> EndCallResponse:
        self.heard.append(request.connection_id)
        if request.connection_id == "refuse":
            raise NotFound("NOTHING", "as asked")
        return EndCallResponse(message=request.connection_id)

    def handlers(self) -> grpc.GenericRpcHandler:
        wire: Any = {
            "request_deserializer": EndCallRequest.FromString,
            "response_serializer": EndCallResponse.SerializeToString,
        }
        behaviours: dict[str, Any] = {
            "One": grpc.unary_unary_rpc_method_handler(self.one, **wire),
            "Many": grpc.unary_stream_rpc_method_handler(self.many, **wire),
            "Flood": grpc.unary_stream_rpc_method_handler(self.flood, **wire),
            "Count": grpc.stream_unary_rpc_method_handler(self.count, **wire),
            "Talk": grpc.stream_stream_rpc_method_handler(self.talk, **wire),
            "Write": grpc.stream_stream_rpc_method_handler(self.write, **wire),
        }
        return grpc.method_handlers_generic_handler(_SERVICE, behaviours)


class Asker:
    """Asks an Echo behind an Edge, in bytes or messages."""

    def __init__(self, echo: Echo, channel: Any) -> None:
        self.echo = echo
        self._channel = channel

    def method(self, name: str, *, raw: bool = False) -> Any:
        kind = {
            "One": "unary_unary",
            "Many": "unary_stream",
            "Flood": "unary_stream",
            "Count": "stream_unary",
        }
        return getattr(self._channel, kind.get(name, "stream_stream"))(
            f"/{_SERVICE}/{name}",
            request_serializer=None if raw else EndCallRequest.SerializeToString,
            response_deserializer=EndCallResponse.FromString,
        )

    async def answers(self, name: str, *requests: Any, raw: bool = False) -> list[str]:
        """Send the requests, and return all that is said to them."""
        method = self.method(name, raw=raw)
        call = method(iter(requests)) if name in _STREAMED else method(*requests)
        if name in {"One", "Count"}:
            return [(await call).message]
        return [response.message async for response in call]


def anyone() -> Guard:
    return Guard(Access(), FakeClock())


def nobody() -> Guard:
    tokens = TokenChecker(Jwks(FakeJwksSource(), FakeClock()), RULES, Limits())
    return Guard(Access(tokens=tokens), FakeClock())


@asynccontextmanager
async def asking(edge: Edge) -> AsyncIterator[Asker]:
    echo, server, address = Echo(), grpc.aio.server(interceptors=[edge]), free_address()
    server.add_generic_rpc_handlers((echo.handlers(),))
    server.add_insecure_port(address)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            yield Asker(echo, channel)
    finally:
        await server.stop(None)


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    async with asking(Edge(anyone())) as running:
        yield running


def told(*words: str) -> list[EndCallRequest]:
    return [EndCallRequest(connection_id=word) for word in words]


@pytest.mark.parametrize(
    ("name", "words", "answers"),
    [
        ("One", ["a"], ["a"]),
        ("Many", ["a"], ["a", "a", "a"]),
        ("Count", ["a", "b"], ["2"]),
        ("Count", [], ["0"]),
        ("Talk", ["a", "b", "c"], ["a", "b", "c"]),
        ("Talk", [], []),
        ("Write", ["a", "b", "c"], ["a", "b", "c"]),
        ("Write", [], []),
    ],
)
async def test_messages_pass_in_rpcs_of_every_kind(
    asker: Asker, name: str, words: list[str], answers: list[str]
) -> None:
    assert await asker.answers(name, *told(*words)) == answers
    assert asker.echo.heard[: len(words)] == words


@pytest.mark.parametrize("name", _KINDS)
async def test_refusal_is_told_by_its_reason_in_rpcs_of_every_kind(asker: Asker, name: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asker.answers(name, *told("refuse"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert reason_of(refused.value) == "NOTHING"


@pytest.mark.parametrize("name", _KINDS)
async def test_garbage_is_an_invalid_request_in_rpcs_of_every_kind(asker: Asker, name: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asker.answers(name, _GARBAGE, raw=True)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert wrong_fields_of(refused.value) == [""]
    assert asker.echo.heard == []


async def test_garbage_in_mid_stream_ends_it_behind_the_answers_before(asker: Asker) -> None:
    first = EndCallRequest(connection_id="a").SerializeToString()
    talk = asker.method("Talk", raw=True)(iter([first, _GARBAGE]))
    assert (await talk.read()).message == "a"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await talk.read()
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await asker.echo.left.wait()


async def test_answers_come_while_requests_are_still_to_come(asker: Asker) -> None:
    talk = asker.method("Talk")()
    for request in told("a", "b"):
        await talk.write(request)
        assert (await talk.read()).message == request.connection_id
    await talk.done_writing()
    assert await talk.read() is grpc.aio.EOF
    assert await talk.code() is grpc.StatusCode.OK


async def test_stream_whose_client_has_gone_is_left(asker: Asker) -> None:
    talk = asker.method("Talk")()
    await talk.write(told("a")[0])
    await talk.read()
    talk.cancel()
    await asker.echo.left.wait()


@pytest.mark.parametrize("name", _KINDS)
async def test_closed_service_refuses_rpcs_of_every_kind(name: str) -> None:
    async with asking(Edge(anyone(), {f"/{_SERVICE}": _CLOSED})) as asker:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await asker.answers(name, *told("a"))
        assert reason_of(refused.value) == "CLOSED"
        assert asker.echo.heard == []


async def test_closed_stream_refuses_before_a_request_has_come() -> None:
    async with asking(Edge(anyone(), {f"/{_SERVICE}": _CLOSED})) as asker:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await asker.method("Talk")().read()
        assert reason_of(refused.value) == "CLOSED"


async def test_only_services_that_are_open_to_all_need_no_credentials() -> None:
    async with asking(Edge(nobody(), open_to_all=[_SERVICE])) as asker:
        assert await asker.answers("One", *told("a")) == ["a"]
    async with asking(Edge(nobody(), {f"/{_SERVICE}/Many": _CLOSED})) as asker:
        for name in ("One", "Many", "Count", "Talk"):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await asker.answers(name, *told("a"))
            assert reason_of(refused.value) == "NO_CREDENTIALS"
        assert asker.echo.heard == []


async def test_stream_that_nobody_reads_ends_with_its_key_too(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    credentials = bearer(keys.add(tenant=None, scopes=[Scope.ADMIN]))
    keys.keyring.load()
    guard = Guard(Access(keys.keyring), keys.clock)
    async with asking(Edge(guard)) as asker:
        flood = asker.method("Flood")(told("a")[0], metadata=credentials)
        assert await flood.read() is not grpc.aio.EOF
        keys.revoke(credentials[0][1].removeprefix("Bearer "))
        keys.keyring.load()
        guard.keys_changed()
        await asker.echo.left.wait()
        assert reason_of(await end_of(flood)) == "CREDENTIALS_LAPSED"
