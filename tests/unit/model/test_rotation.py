"""How a session is replaced before its limit."""

import asyncio
from typing import Any

import pytest

from bridge.ports.model_event import (
    ResponseDone,
    SessionRotated,
    UserTextDone,
)
from tests.unit.model.lost import HELLO, in_turn, lasting, told
from tests.unit.model.payloads import SESSION, audio, created, event
from tests.unit.model.peer import Peer

pytestmark = pytest.mark.usefixtures("leaves_no_task")


async def test_a_session_is_replaced_in_a_quiet_moment_before_its_limit() -> None:
    update: list[Any] = []

    async def first(peer: Peer) -> None:
        await peer.accept(expires_at=None)
        await peer.send(HELLO)
        await peer.until_gone()

    async def second(peer: Peer) -> None:
        await peer.accept(id="sess_2", expires_at=None)
        update.append(await peer.receive("conversation.item.create"))
        await peer.until_gone()

    async with lasting(in_turn(first, second), session_limit_s=0.6, overlap_s=0.05) as session:
        *_, rotated = await told(session, SessionRotated)
        counters = session.counters()
    assert rotated == SessionRotated("sess_2", 1)
    assert update
    assert (counters.rotations, counters.reconnects) == (1, 0)


async def test_a_session_that_is_never_quiet_is_replaced_just_before_its_limit() -> None:
    async def endless(peer: Peer) -> None:
        await peer.accept(expires_at=None)
        await peer.send(created())
        await peer.send(audio())
        await peer.until_gone()

    async with lasting(endless, session_limit_s=1.0, overlap_s=0.05) as session:
        events = await told(session, SessionRotated)
    assert [type(one) for one in events[-2:]] == [ResponseDone, SessionRotated]


async def test_a_successor_that_does_not_come_leaves_the_old_session_alone() -> None:
    async def busy(peer: Peer) -> None:
        await peer.send(event("session.created", session=SESSION))
        await peer.connection.close(1013)

    async def first(peer: Peer) -> None:
        await peer.accept(expires_at=None)
        await asyncio.sleep(0.6)
        await peer.send(HELLO)
        await peer.until_gone()

    async with lasting(in_turn(first, busy), session_limit_s=0.6, overlap_s=0.05) as session:
        assert await told(session, UserTextDone) == [UserTextDone("item_u", "Hello.")]
