"""One session to its reader, several on the wire: whatever breaks one, the next is told it all."""

import asyncio
from typing import Any

import pytest

from bridge.errors import ModelFailure
from bridge.ports.model_config import ConfigChange
from bridge.ports.model_event import (
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SessionInterrupted,
    SessionResumed,
    UserTextDone,
)
from tests.unit.model.lost import (
    CREATE,
    Part,
    busy,
    call_and_gone,
    hearing,
    hello_and_garbage,
    hello_and_gone,
    in_turn,
    lasting,
    stay,
    told,
    types,
)
from tests.unit.model.payloads import CALL, audio, created, done, event
from tests.unit.model.peer import CONFIG, Peer

pytestmark = pytest.mark.usefixtures("leaves_no_task")


@pytest.mark.parametrize("loss", [hello_and_gone, hello_and_garbage])
async def test_a_new_session_is_told_configuration_and_conversation(loss: Part) -> None:
    seen: list[Any] = []

    async def successor(peer: Peer) -> None:
        seen.append(await peer.accept(id="sess_2"))
        seen.append(await peer.receive("conversation.item.create"))
        await peer.until_gone()

    async with lasting(in_turn(loss, successor)) as session:
        first, interrupted, resumed = await told(session, SessionResumed)
        assert session.session_id == "sess_2"
        assert session.counters().reconnects == 1
    assert first == UserTextDone("item_u", "Hello.")
    assert interrupted == SessionInterrupted("sess_1", ModelFailure.LOST)
    assert isinstance(resumed, SessionResumed)
    assert (resumed.session_id, resumed.replayed_items) == ("sess_2", 1)
    update, item = seen
    assert update["session"]["instructions"] == CONFIG.instructions
    assert item["item"]["content"] == [{"type": "input_text", "text": "Hello."}]


async def test_an_answer_cut_off_ends_as_failed_and_is_gone_on_with() -> None:
    asked: list[Any] = []

    async def cut(peer: Peer) -> None:
        await peer.accept()
        await peer.send(created())
        await peer.send(audio())
        peer.connection.transport.abort()

    async def successor(peer: Peer) -> None:
        await peer.accept()
        asked.append(await peer.receive("response.create"))
        await peer.send(created("resume", "resp_2"))
        await peer.send(done(response_id="resp_2"))
        await peer.until_gone()

    async with lasting(in_turn(cut, successor)) as session:
        first = await told(session, SessionResumed)
        rest = await told(session, ResponseDone)
    [ended] = [one for one in first if isinstance(one, ResponseDone)]
    assert ended.status is ResponseStatus.FAILED
    assert [type(one) for one in rest] == [ResponseStarted, ResponseDone]
    assert "Go on" in asked[0]["response"]["instructions"]


async def test_a_request_made_in_the_gap_is_sent_after_it() -> None:
    async def successor(peer: Peer) -> None:
        await peer.accept()
        await peer.receive("conversation.item.create")
        await peer.receive("response.create")
        await peer.send(created("greeting"))
        await peer.until_gone()

    async with lasting(in_turn(hello_and_gone, busy, successor)) as session:
        await told(session, SessionInterrupted)
        await session.respond(tag="greeting", say="Hello.")
        await session.delete("item_x")
        await session.cancel("resp_x")
        *_, started = await told(session, ResponseStarted)
    assert isinstance(started, ResponseStarted)
    assert started.request_tag == "greeting"


async def test_audio_of_the_gap_is_dropped_and_counted() -> None:
    async with lasting(in_turn(hello_and_gone, busy, stay)) as session:
        await told(session, SessionInterrupted)
        session.send_audio_nowait(bytes(9600))
        *_, resumed = await told(session, SessionResumed)
        assert session.counters().audio_dropped_ms == 200
        assert session.counters().gap_ms >= 250
    assert isinstance(resumed, SessionResumed)
    assert resumed.lost_audio_ms == 200
    assert resumed.gap_ms >= 250


async def test_a_replayed_item_is_cut_by_being_told_anew() -> None:
    frames: list[Any] = []
    complete = asyncio.Event()

    async def spoke(peer: Peer) -> None:
        await peer.accept()
        await peer.send(created())
        await peer.send(audio(bytes(48_000)))
        text = "one two three four"
        kind = "response.output_audio_transcript.done"
        await peer.send(event(kind, item_id="item_1", content_index=0, transcript=text))
        await peer.send(done())
        await peer.connection.close(1011)

    async def successor(peer: Peer) -> None:
        await peer.accept()
        kinds = ("create", "delete", "create")
        frames.extend([await peer.receive(f"conversation.item.{kind}") for kind in kinds])
        complete.set()
        await peer.until_gone()

    async with lasting(in_turn(spoke, successor)) as session:
        await told(session, SessionResumed)
        await session.truncate("item_1", 0, 500)
        await complete.wait()
    _, deleted, left = frames
    assert deleted["item_id"] == "item_1"
    assert left["previous_item_id"] == "root"
    assert left["item"]["content"] == [{"type": "output_text", "text": "one two"}]


async def test_output_of_a_call_whose_connection_is_lost_follows_the_call() -> None:
    seen: list[Any] = []
    successor = hearing(seen, CREATE, CREATE, "response.create")
    async with lasting(in_turn(call_and_gone, successor)) as session:
        events = await told(session, SessionResumed)
        await session.answer_tool(CALL.call_id, "42")
        await session.respond(tag="after")
        await told(session, ResponseStarted)
    assert CALL in events
    assert types(seen) == ["function_call", "function_call_output", "response.create"]
    assert seen[0]["item"]["call_id"] == seen[1]["item"]["call_id"] == CALL.call_id
    assert seen[1]["item"]["output"] == "42"


async def test_output_that_comes_in_the_gap_is_told_with_its_call() -> None:
    seen: list[Any] = []
    successor = hearing(seen, CREATE, CREATE, "response.create")
    async with lasting(in_turn(call_and_gone, busy, successor)) as session:
        await told(session, SessionInterrupted)
        await session.answer_tool(CALL.call_id, "42")
        await session.respond(tag="after")
        await told(session, ResponseStarted)
    assert types(seen) == ["function_call", "function_call_output", "response.create"]


async def test_output_that_comes_while_the_next_connection_opens_is_told_behind_the_rest() -> None:
    seen: list[Any] = []
    opening, answered = asyncio.Event(), asyncio.Event()

    async def slow(peer: Peer) -> None:
        opening.set()
        await answered.wait()
        await hearing(seen, CREATE, CREATE, "response.create")(peer)

    async with lasting(in_turn(call_and_gone, slow)) as session:
        await told(session, SessionInterrupted)
        await opening.wait()
        await session.answer_tool(CALL.call_id, "42")
        await session.respond(tag="after")
        answered.set()
        await told(session, ResponseStarted)
    assert types(seen) == ["function_call", "function_call_output", "response.create"]
    assert seen[1]["previous_item_id"] == CALL.item_id


async def test_words_cut_while_the_next_connection_opens_are_not_told_to_it() -> None:
    seen: list[Any] = []
    opening, cut = asyncio.Event(), asyncio.Event()

    async def slow(peer: Peer) -> None:
        opening.set()
        await cut.wait()
        await hearing(seen, CREATE, "conversation.item.delete")(peer)

    async with lasting(in_turn(hello_and_gone, slow)) as session:
        await told(session, SessionInterrupted)
        await opening.wait()
        await session.delete("item_u")
        cut.set()
        await told(session, ResponseStarted)
    assert seen[1]["item_id"] == "item_u"


async def test_a_changed_configuration_holds_for_the_next_connection_too() -> None:
    updates: list[Any] = []
    opening, changed = asyncio.Event(), asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.accept()
        updates.append(await peer.receive("session.update"))
        await peer.connection.close(1011)

    async def slow(peer: Peer) -> None:
        updates.append(await peer.accept())
        await peer.connection.close(1011)

    async def last(peer: Peer) -> None:
        opening.set()
        await changed.wait()
        updates.append(await peer.accept())
        updates.append(await peer.receive("session.update"))
        await peer.send(created("after"))
        await peer.until_gone()

    async with lasting(in_turn(first, slow, last)) as session:
        await session.update(ConfigChange(instructions="Be briefer."))
        await opening.wait()
        await session.update(ConfigChange(instructions="Be briefest."))
        changed.set()
        await told(session, ResponseStarted)
    assert [update["session"]["instructions"] for update in updates] == [
        "Be briefer.",
        "Be briefer.",
        "Be briefer.",
        "Be briefest.",
    ]


async def test_a_replayed_call_is_not_called_again_by_us() -> None:
    """Nothing is asked of the new session until the output is there."""
    seen: list[Any] = []
    successor = hearing(seen, CREATE, CREATE)
    async with lasting(in_turn(call_and_gone, successor)) as session:
        await told(session, SessionResumed)
        await session.answer_tool(CALL.call_id, "42")
        await told(session, ResponseStarted)
    assert types(seen) == ["function_call", "function_call_output"]
