"""When is a conversation given up, and what does leaving it take?"""

import pytest

from bridge.clock import SystemClock
from bridge.errors import ModelError, ModelFailure
from bridge.model.lasting import LastingModels
from bridge.ports.model_event import (
    AudioDelta,
    ResponseDone,
    SessionInterrupted,
)
from tests.unit.model.lost import busy, hello_and_gone, in_turn, lasting, told
from tests.unit.model.payloads import audio, created, error
from tests.unit.model.peer import CONFIG, Peer, models, refuse, serving

pytestmark = pytest.mark.usefixtures("leaves_no_task")


async def test_sessions_that_are_lost_at_once_again_and_again_end_it() -> None:
    async with lasting(hello_and_gone, failures_in_a_row=3) as session:
        with pytest.raises(ModelError) as caught:
            await told(session, ResponseDone)
        assert caught.value.failure is ModelFailure.LOST
        with pytest.raises(ModelError):
            await session.respond(tag="late")


async def test_a_fatal_error_ends_it_at_once() -> None:
    async def poor(peer: Peer) -> None:
        await peer.accept()
        await peer.send(error("insufficient_quota"))
        await peer.until_gone()

    async with lasting(poor) as session:
        with pytest.raises(ModelError) as caught:
            await told(session, SessionInterrupted)
    assert caught.value.failure is ModelFailure.QUOTA


async def test_the_first_opening_fails_at_once() -> None:
    async with serving(Peer.until_gone, refuse(503)) as url, models(url) as provider:
        with pytest.raises(ModelError) as caught:
            async with LastingModels(provider, SystemClock()).open(CONFIG):
                pytest.fail("opened")
    assert caught.value.failure is ModelFailure.UNAVAILABLE


async def test_leaving_does_not_wait_for_a_reader_who_is_gone() -> None:
    async def talkative(peer: Peer) -> None:
        await peer.accept()
        await peer.send(created())
        for _ in range(300):
            await peer.send(audio())
        await peer.until_gone()

    async with lasting(talkative) as session:
        await told(session, AudioDelta)


async def test_leaving_ends_a_gap() -> None:
    async with lasting(in_turn(hello_and_gone, busy)) as session:
        await told(session, SessionInterrupted)
