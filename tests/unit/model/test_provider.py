"""Where a provider is, and that nobody else gets its key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.model.provider import OPENAI, Provider
from tests.unit.model.peer import CONFIG, models


@pytest.mark.parametrize(
    ("base_url", "session_url"),
    [
        (OPENAI, "wss://api.openai.com/v1/realtime?model=m"),
        ("http://127.0.0.1:8765/v1", "ws://127.0.0.1:8765/v1/realtime?model=m"),
        ("http://[::1]:8765/v1/", "ws://[::1]:8765/v1/realtime?model=m"),
        ("https://host", "wss://host/realtime?model=m"),
        ("https://host/a/b?version=2#part", "wss://host/a/b/realtime?version=2&model=m"),
    ],
)
def test_sessions_are_opened_below_the_base_address(base_url: str, session_url: str) -> None:
    assert Provider("k", base_url).session_url("m") == session_url


def test_model_s_name_is_quoted_in_the_address() -> None:
    assert Provider("k").session_url("a b&c=d").endswith("?model=a+b%26c%3Dd")


def test_key_is_in_no_representation() -> None:
    assert "sk-secret" not in repr(Provider("sk-secret"))


@dataclass(slots=True)
class Redirecting:
    """A server that sends everybody to `location`, and keeps what it was sent."""

    location: str = ""
    heads: list[bytes] = field(default_factory=list)
    url: str = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Redirecting"]:
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            yield self

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        answer = f"HTTP/1.1 307 Elsewhere\r\nLocation: {self.location}\r\nContent-Length: 0\r\n\r\n"
        writer.write(answer.encode())
        writer.close()
        await writer.wait_closed()


async def test_whoever_we_are_sent_on_to_never_gets_the_key() -> None:
    async with Redirecting().serving() as elsewhere, Redirecting().serving() as server:
        server.location = elsewhere.url.replace("http", "ws", 1)
        async with models(server.url) as provider:
            with pytest.raises(ModelError) as refused:
                async with provider.open(CONFIG):
                    pass
            assert refused.value.failure is ModelFailure.UNAVAILABLE
            server.location = elsewhere.url
            with pytest.raises(ModelError) as refused:
                await provider.create_ephemeral_key(CONFIG, ttl_s=60)
            assert refused.value.failure is ModelFailure.UNAVAILABLE
    assert len(server.heads) == 2
    assert not elsewhere.heads
