"""How one session ends: by its server, by its network, by us."""

import asyncio
import time

import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.ports.model_event import (
    ResponseDone,
    ResponseStarted,
    UserTextDone,
)
from tests.unit.model.one_session import (
    F,
    forever,
    saying,
    says,
    session_with,
    until_failure,
    user_said,
)
from tests.unit.model.payloads import created, done, error
from tests.unit.model.peer import CONFIG, Peer, models, serving

pytestmark = pytest.mark.usefixtures("leaves_no_task")


async def test_nothing_but_garbage_is_a_lost_session() -> None:
    async with session_with(saying(*[b"garbage"] * 16)) as session:
        events, failed = await until_failure(session)
    assert (events, failed.failure, failed.detail) == ([], F.LOST, "protocol")


@pytest.mark.parametrize(
    ("code", "failure"),
    [("session_expired", F.SESSION_EXPIRED), ("insufficient_quota", F.QUOTA)],
)
async def test_fatal_error_outlasts_the_close_that_follows(
    code: str, failure: ModelFailure
) -> None:
    async def script(peer: Peer) -> None:
        await says(peer, user_said("x"), error(code))
        await peer.connection.close(1001)

    async with session_with(script) as session:
        # Even a sender that meets the closed socket first must not hide the cause.
        with pytest.raises(ModelError):
            await forever(lambda: session.delete("item_1"))
        events, failed = await until_failure(session)
        assert (events, failed.failure) == ([UserTextDone("item_1", "x")], failure)
        with pytest.raises(ModelError) as again:
            await session.respond(tag="late")
        assert again.value is failed


async def test_response_that_failed_for_good_ends_the_session() -> None:
    details = {"type": "failed", "error": {"type": "x", "code": "insufficient_quota"}}
    async with session_with(saying(created(), done("failed", status_details=details))) as session:
        events, failed = await until_failure(session)
    assert [type(one) for one in events] == [ResponseStarted, ResponseDone]
    assert failed.failure is F.QUOTA


@pytest.mark.parametrize(
    ("code", "expires_in_s", "failure"),
    [
        (1001, 10, F.SESSION_EXPIRED),
        (1001, 3600, F.LOST),
        (1000, 3600, F.LOST),
        (1011, 10, F.LOST),
    ],
)
async def test_close_by_the_server_is_classified(
    code: int, expires_in_s: int, failure: ModelFailure
) -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(expires_at=int(time.time()) + expires_in_s)
        await peer.connection.close(code)

    async with serving(script) as url, models(url) as provider, provider.open(CONFIG) as session:
        _, failed = await until_failure(session)
        assert (failed.failure, failed.detail) == (failure, f"closed {code}")


async def test_dropped_connection_is_a_lost_session() -> None:
    async def script(peer: Peer) -> None:
        peer.connection.transport.abort()

    async with session_with(script) as session:
        _, failed = await until_failure(session)
        assert failed.failure is F.LOST
        with pytest.raises(ModelError):
            await session.delete("item_1")


async def test_vanished_server_is_noticed_by_its_missing_pongs() -> None:
    async def script(peer: Peer) -> None:
        peer.freeze()

    limits = {"ping_interval_s": 0.05, "ping_timeout_s": 0.05, "close_deadline_s": 0.1}
    async with session_with(script, **limits) as session:
        _, failed = await until_failure(session)
    assert (failed.failure, failed.detail) == (F.LOST, "closed by us, 1011")


async def test_socket_that_does_not_drain_is_a_lost_session() -> None:
    async def script(peer: Peer) -> None:
        peer.freeze()

    limits = {"send_deadline_s": 0.1, "close_deadline_s": 0.1}
    async with session_with(script, **limits) as session:
        with pytest.raises(ModelError) as caught:
            await forever(lambda: session.respond(tag="more", instructions="x" * 500_000))
        assert (caught.value.failure, caught.value.detail) == (F.LOST, "send deadline")
        _, failed = await until_failure(session)
        assert failed.detail == "send deadline"


async def test_audio_that_does_not_drain_is_dropped_and_then_ends_the_session() -> None:
    async def script(peer: Peer) -> None:
        peer.freeze()

    limits = {"send_deadline_s": 0.1, "close_deadline_s": 0.1, "outbox_ms": 20_000}
    async with session_with(script, **limits) as session:

        async def speak() -> None:
            while True:
                session.send_audio_nowait(bytes(480_000))
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:
            speaking = tasks.create_task(speak())
            _, failed = await until_failure(session)
            speaking.cancel()
        counters = session.counters()
    assert (failed.failure, failed.detail) == (F.LOST, "send deadline")
    assert counters.audio_dropped_ms > 0


async def test_events_end_quietly_when_we_close() -> None:
    async def script(_: Peer) -> None:
        pass

    async with session_with(script) as session:
        reading = asyncio.create_task(anext(session.events(), None))
        await asyncio.sleep(0)
        await session.aclose()
        assert await reading is None
        assert [one async for one in session.events()] == []
        session.send_audio_nowait(bytes(960))
        assert session.counters().audio_dropped_ms == 20
        with pytest.raises(ModelError) as caught:
            await session.respond(tag="late")
        assert caught.value.failure is F.LOST


async def test_second_close_waits_for_the_first() -> None:
    async def script(_: Peer) -> None:
        pass

    async with session_with(script) as session:
        first = asyncio.create_task(session.aclose())
        await asyncio.sleep(0)
        await session.aclose()
        assert session._socket._connection.state.name == "CLOSED"
        await first


async def test_close_of_a_frozen_server_is_bounded() -> None:
    async def script(peer: Peer) -> None:
        peer.freeze()

    async with session_with(script, close_deadline_s=0.1) as session:
        began = time.monotonic()
        await session.aclose()
        assert time.monotonic() - began < 1


async def test_cancelled_close_still_lets_go_of_the_socket() -> None:
    async def script(peer: Peer) -> None:
        peer.freeze()

    async with session_with(script, close_deadline_s=60) as session:
        closing = asyncio.create_task(session.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert session._socket._connection.state.name == "CLOSED"


async def test_oversized_message_is_a_lost_session() -> None:
    script = saying(user_said("x" * 2000))
    async with session_with(script, max_message_bytes=1000) as session:
        _, failed = await until_failure(session)
    assert (failed.failure, failed.detail) == (F.LOST, "closed by us, 1009")
