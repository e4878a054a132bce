"""A conversation whose connections are lost, one after the other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.clock import SystemClock
from bridge.model.lasting import LastingModels
from bridge.model.resilient import ResilientSession
from bridge.model.settings import ContinuitySettings
from bridge.ports.model_event import (
    ModelEvent,
)
from tests.unit.model.payloads import called, created, event
from tests.unit.model.peer import CONFIG, PATIENCE_S, Peer, models, serving

Part = Callable[[Peer], Awaitable[None]]
HELLO = event(
    "conversation.item.input_audio_transcription.completed",
    item_id="item_u",
    content_index=0,
    transcript="Hello.",
)


def in_turn(*parts: Part) -> Part:
    """Return a server whose first connection plays the first part, and so on; the last stays."""
    left = list(parts)

    async def script(peer: Peer) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(peer)

    return script


@asynccontextmanager
async def lasting(script: Part, **settings: Any) -> AsyncIterator[ResilientSession]:
    async with serving(script) as url, models(url) as provider:
        service = LastingModels(provider, SystemClock(), ContinuitySettings(**settings))
        async with asyncio.timeout(PATIENCE_S), service.open(CONFIG) as session:
            yield session


async def told(session: ResilientSession, last: type[ModelEvent]) -> list[ModelEvent]:
    events: list[ModelEvent] = []
    async for one in session.events():
        events.append(one)
        if isinstance(one, last):
            return events
    pytest.fail("the events ended")


async def hello_and_gone(peer: Peer) -> None:
    await peer.accept()
    await peer.send(HELLO)
    await peer.connection.close(1011)


async def hello_and_garbage(peer: Peer) -> None:
    await peer.accept()
    await peer.send(HELLO)
    for _ in range(16):
        await peer.send(b"garbage")
    await peer.until_gone()


async def busy(peer: Peer) -> None:
    await peer.connection.close(1013)


async def stay(peer: Peer) -> None:
    await peer.accept()
    await peer.until_gone()


async def call_and_gone(peer: Peer) -> None:
    await peer.accept()
    await peer.send(created())
    await peer.send(called())
    await peer.connection.close(1011)


def hearing(seen: list[Any], *kinds: str) -> Part:
    """Return a connection that takes these events."""

    async def part(peer: Peer) -> None:
        await peer.accept()
        seen.extend([await peer.receive(kind) for kind in kinds])
        await peer.send(created("after"))
        await peer.until_gone()

    return part


CREATE = "conversation.item.create"


def types(seen: list[Any]) -> list[str]:
    return [frame["item"]["type"] if "item" in frame else frame["type"] for frame in seen]
