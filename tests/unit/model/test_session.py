"""An open session says what was sent, tells what was said, and ends for a known reason."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from bridge.errors import ModelError, ModelFailure
from bridge.model.session import RealtimeSession
from bridge.ports.model_event import (
    AudioDelta,
    ModelEvent,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    UserTextDone,
)
from bridge.ports.usage import TokenCounts
from tests.unit.model.payloads import PCM, Payload, audio, created, done, error, event
from tests.unit.model.peer import CONFIG, PATIENCE_S, Peer, Script, models, serving

pytestmark = pytest.mark.usefixtures("leaves_no_task")

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


async def test_sound_of_the_user_arrives_in_order() -> None:
    heard = bytearray()

    async def script(peer: Peer) -> None:
        for _ in range(3):
            frame = await peer.receive("input_audio_buffer.append")
            heard.extend(base64.b64decode(frame["audio"]))
        await peer.send(user_said("all"))

    async with session_with(script) as session:
        for number in range(3):
            session.send_audio_nowait(memoryview(bytes([number]) * 960))
        assert await told(session, 1) == [UserTextDone("item_1", "all")]
        counters = session.counters()
    assert heard == bytes(960) + b"\x01" * 960 + b"\x02" * 960
    assert (counters.audio_sent_ms, counters.audio_queued_ms) == (60, 0)


async def test_speech_is_told_with_the_time_at_which_its_sound_was_sent() -> None:
    async def script(peer: Peer) -> None:
        for _ in range(2):
            await peer.receive("input_audio_buffer.append")
        began = event("input_audio_buffer.speech_started", item_id="i", audio_start_ms=80)
        ended = event("input_audio_buffer.speech_stopped", item_id="i", audio_end_ms=100)
        await says(peer, began, ended)

    async with session_with(script) as session:
        sent_s = time.monotonic()
        for _ in range(2):
            session.send_audio_nowait(bytes(4800))
        began, ended = await told(session, 2)
        told_s = time.monotonic()
    assert isinstance(began, SpeechStarted)
    assert isinstance(ended, SpeechStopped)
    assert began.at_s is not None
    assert ended.at_s is not None
    assert sent_s - 0.02 <= began.at_s <= told_s
    assert ended.at_s - began.at_s == pytest.approx(0.02)


async def test_sound_of_the_agent_is_told_in_whole_samples() -> None:
    async with session_with(saying(created(), audio(PCM[:5]), audio(PCM[5:]), done())) as session:
        events = await told(session, 4)
        assert session.counters().audio_received_ms == 1
    assert events[1:3] == [
        AudioDelta("resp_1", "item_1", 0, PCM[:4]),
        AudioDelta("resp_1", "item_1", 0, PCM[4:]),
    ]


async def test_response_carries_the_tag_and_keeps_the_agent() -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.receive("response.create")
        response = asked["response"]
        assert response["instructions"] == "Be brief.\n\nGreet."
        await peer.send(created(response["metadata"]["request_tag"]))

    async with session_with(script) as session:
        await session.respond(tag="greeting", instructions="Greet.")
        assert await told(session, 1) == [ResponseStarted("resp_1", "greeting")]


async def test_plain_response_leaves_the_instructions_alone() -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.receive("response.create")
        assert asked["response"] == {"metadata": {"request_tag": "turn"}}
        await peer.send(created("turn"))

    async with session_with(script) as session:
        await session.respond(tag="turn")
        await told(session, 1)


async def test_text_to_say_is_all_the_model_gets_to_see() -> None:
    async def script(peer: Peer) -> None:
        response = (await peer.receive("response.create"))["response"]
        assert response["instructions"].endswith("\n\nGoodbye, Ann.")
        assert "Be brief." not in response["instructions"]
        assert (response["input"], response["tool_choice"]) == ([], "none")
        await peer.send(created("bye"))

    async with session_with(script) as session:
        await session.respond(tag="bye", say="Goodbye, Ann.")
        await told(session, 1)
        with pytest.raises(ValueError, match="exclude"):
            await session.respond(tag="both", say="Hello", instructions="Greet.")


async def test_cancel_names_the_active_response() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(created())
        assert (await peer.receive("response.cancel"))["response_id"] == "resp_1"
        await peer.send(done("cancelled"))

    async with session_with(script) as session:
        await told(session, 1)
        await session.cancel()
        assert await told(session, 1) == [
            ResponseDone("resp_1", ResponseStatus.CANCELLED, TokenCounts())
        ]


async def test_cancel_that_overtakes_the_beginning_is_made_up_for() -> None:
    async def script(peer: Peer) -> None:
        await peer.receive("response.create")
        await peer.send(created("greeting"))
        assert (await peer.receive("response.cancel"))["response_id"] == "resp_1"
        await peer.send(done("cancelled"))

    async with session_with(script) as session:
        await session.respond(tag="greeting")
        await session.cancel()
        started, ended = await told(session, 2)
    assert started == ResponseStarted("resp_1", "greeting")
    assert ended == ResponseDone("resp_1", ResponseStatus.CANCELLED, TokenCounts())


async def test_cancel_of_what_is_over_says_nothing() -> None:
    async def script(peer: Peer) -> None:
        await says(peer, created(), done())
        await peer.receive("conversation.item.delete")
        await peer.send(user_said("done"))

    async with session_with(script) as session:
        await told(session, 2)
        await session.cancel("resp_1")
        await session.cancel()
        await session.delete("item_1")
        await told(session, 1)


async def test_truncation_stays_within_what_was_received() -> None:
    async def script(peer: Peer) -> None:
        await says(peer, created(), audio(bytes(4800)))
        cut = await peer.receive("conversation.item.truncate")
        assert (cut["item_id"], cut["content_index"], cut["audio_end_ms"]) == ("item_1", 0, 100)
        await peer.send(user_said("cut"))

    async with session_with(script) as session:
        await told(session, 2)
        await session.truncate("item_1", 0, 120)
        await told(session, 1)


async def test_late_truncation_and_cancel_are_ignored_but_counted() -> None:
    async def script(peer: Peer) -> None:
        cut = await peer.receive("conversation.item.truncate")
        await peer.send(error(event_id=cut["event_id"]))
        await peer.send(error("response_cancel_not_active"))
        await peer.send(user_said("on"))

    async with session_with(script) as session:
        await session.truncate("item_1", 0, 120)
        assert await told(session, 1) == [UserTextDone("item_1", "on")]
        assert session.counters().ignored_refusals == 2


async def test_refused_response_is_told_with_its_tag() -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.receive("response.create")
        await peer.send(
            error("conversation_already_has_active_response", event_id=asked["event_id"])
        )

    async with session_with(script) as session:
        await session.respond(tag="silence-1")
        [refused] = await told(session, 1)
    assert refused == ModelWarning(
        "conversation_already_has_active_response", "response.create refused", "silence-1"
    )


async def test_response_that_ends_without_a_beginning_gets_one() -> None:
    ended = done(metadata={"request_tag": "greeting"})
    async with session_with(saying(ended)) as session:
        events = await told(session, 2)
    assert events == [
        ResponseStarted("resp_1", "greeting"),
        ResponseDone("resp_1", ResponseStatus.COMPLETED, TokenCounts()),
    ]


async def test_reader_that_stops_goes_on_where_it_was() -> None:
    async with session_with(saying(done(), user_said("x"))) as session:
        events = [(await told(session, 1))[0] for _ in range(3)]
    assert [type(one) for one in events] == [ResponseStarted, ResponseDone, UserTextDone]


async def test_garbage_and_unknown_events_are_counted() -> None:
    script = saying(b"garbage", event("response.video"), b'{"type":7}', user_said("x"))
    async with session_with(script) as session:
        await told(session, 1)
        counters = session.counters()
    assert (counters.malformed_frames, counters.unknown_events) == (2, 1)


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


async def test_round_trip_is_known_before_the_first_interval_is_over() -> None:
    async with session_with(Peer.until_gone, ping_interval_s=60) as session:
        # Nothing tells of a pong; the deadline is the session's.
        while session.counters().round_trip_ms is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        round_trip_ms = session.counters().round_trip_ms
        assert round_trip_ms is not None
        assert 0 < round_trip_ms < 1000


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
