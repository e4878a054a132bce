"""An open session says what was sent, tells what was said, and ends for a known reason."""

import asyncio
import base64
import time

import pytest

from bridge.ports.model_event import (
    AudioDelta,
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    UserTextDone,
)
from bridge.ports.usage import TokenCounts
from tests.unit.model.one_session import saying, says, session_with, told, user_said
from tests.unit.model.payloads import PCM, audio, created, done, error, event
from tests.unit.model.peer import Peer

pytestmark = pytest.mark.usefixtures("leaves_no_task")


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


async def test_round_trip_is_known_before_the_first_interval_is_over() -> None:
    async with session_with(Peer.until_gone, ping_interval_s=60) as session:
        # Nothing tells of a pong; the deadline is the session's.
        while session.counters().round_trip_ms is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        round_trip_ms = session.counters().round_trip_ms
        assert round_trip_ms is not None
        assert 0 < round_trip_ms < 1000
