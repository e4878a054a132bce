"""One session on one socket, and a peer that plays its script."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.model.session import RealtimeSession
from bridge.ports.model_event import (
    ModelEvent,
)
from tests.unit.model.payloads import Payload, event
from tests.unit.model.peer import CONFIG, PATIENCE_S, Peer, Script, models, serving

F = ModelFailure


@asynccontextmanager
async def session_with(script: Script, **settings: Any) -> AsyncIterator[RealtimeSession]:
    """Open a session with a server that runs `script` once it is open."""

    async def whole(peer: Peer) -> None:
        await peer.accept()
        await script(peer)
        await peer.until_gone()

    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(whole))
        provider = await stack.enter_async_context(models(url, **settings))
        await stack.enter_async_context(asyncio.timeout(PATIENCE_S))
        yield await stack.enter_async_context(provider.open(CONFIG))


async def says(peer: Peer, *payloads: Payload | bytes) -> None:
    for payload in payloads:
        await peer.send(payload)


def saying(*payloads: Payload | bytes) -> Script:
    return lambda peer: says(peer, *payloads)


async def told(session: RealtimeSession, count: int) -> list[ModelEvent]:
    """Return the next `count` events."""
    events: list[ModelEvent] = []
    async for one in session.events():
        events.append(one)
        if len(events) == count:
            break
    return events


async def until_failure(session: RealtimeSession) -> tuple[list[ModelEvent], ModelError]:
    """Return what is told before the session fails, and the failure."""
    events: list[ModelEvent] = []
    try:
        async for one in session.events():
            events.append(one)  # noqa: PERF401 -- a comprehension would lose them all
    except ModelError as error:
        return events, error
    pytest.fail("the events ended")


async def forever(act: Callable[[], Awaitable[None]]) -> None:
    """Act again and again, until it fails."""
    while True:
        await act()


def user_said(text: str) -> Payload:
    kind = "conversation.item.input_audio_transcription.completed"
    return event(kind, item_id="item_1", content_index=0, transcript=text)
