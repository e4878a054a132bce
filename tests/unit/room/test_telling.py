"""A room that is told: only the newest, within bounds, and nobody ever waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.testing import capture_logs

from bridge.ports.room import Segment
from bridge.room.telling import MAX_WAITING, Teller
from tests.fakes.clock import FakeClock, settle


class Room:
    """Takes what it is shown while `open`, and fails while `broken`."""

    def __init__(self) -> None:
        self.shown: list[str | Segment] = []
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()
        self.broken = False

    async def show(self, what: str | Segment) -> None:
        self.asked += 1
        await self.open.wait()
        if self.broken:
            raise RuntimeError("refused")
        self.shown.append(what)


@asynccontextmanager
async def telling_to(room: Room, clock: FakeClock | None = None) -> AsyncIterator[Teller]:
    teller = Teller(room.show, room.show, clock or FakeClock())
    teller.start()
    try:
        yield teller
    finally:
        await teller.aclose()


def partial(item: str, text: str) -> Segment:
    return Segment(item, None, text, final=False)


def final(item: str, text: str) -> Segment:
    return Segment(item, None, text, final=True)


async def test_segments_are_shown_in_order() -> None:
    room = Room()
    async with telling_to(room) as teller:
        teller.tell(partial("a", "one"))
        teller.tell(final("b", "two"))
        await settle()
        assert room.shown == [partial("a", "one"), final("b", "two")]


async def test_only_the_newest_text_of_a_waiting_segment_is_shown() -> None:
    room = Room()
    async with telling_to(room) as teller:
        teller.interrupted()
        for text in ("one", "one two", "one two three"):
            teller.tell(partial("a", text))
        teller.tell(partial("b", "other"))
        teller.tell(final("a", "one two three."))
        teller.tell(partial("a", "late"))
        await settle()
        assert room.shown == []
        teller.resumed()
        await settle()
        assert room.shown == [final("a", "one two three."), partial("b", "other")]
        assert teller.dropped == 0


async def test_too_many_waiting_cost_partial_segments_first() -> None:
    room = Room()
    async with telling_to(room) as teller:
        teller.interrupted()
        teller.tell(final("first", "kept"))
        teller.tell(partial("second", "lost"))
        for number in range(MAX_WAITING - 1):
            teller.tell(final(f"f{number}", "kept"))
        assert teller.dropped == 1
        teller.resumed()
        await settle()
        assert len(room.shown) == MAX_WAITING
        assert partial("second", "lost") not in room.shown


async def test_beyond_the_bound_the_oldest_final_goes() -> None:
    room = Room()
    async with telling_to(room) as teller:
        teller.interrupted()
        for number in range(MAX_WAITING + 3):
            teller.tell(final(f"f{number}", "words"))
        assert teller.dropped == 3
        teller.resumed()
        await settle()
        assert room.shown[0] == final("f3", "words")


async def test_a_refused_final_is_tried_again_and_a_partial_is_not() -> None:
    room = Room()
    room.broken = True
    clock = FakeClock()
    async with telling_to(room, clock) as teller:
        teller.tell(partial("a", "one"))
        await settle()
        assert (room.asked, teller.errors) == (1, 1)
        teller.tell(final("a", "one two"))
        await settle()
        room.broken = False
        await clock.advance(1)
        assert room.shown == [final("a", "one two")]


async def test_a_room_that_does_not_answer_holds_nobody_up_and_no_word_is_logged() -> None:
    room = Room()
    room.open.clear()
    clock = FakeClock()
    with capture_logs() as logged:
        async with telling_to(room, clock) as teller:
            teller.tell(partial("a", "secret words"))
            teller.tell_state("speaking")
            await clock.advance(10)
            assert teller.errors >= 2
    assert len(logged) >= 2
    assert "secret" not in str(logged)
    assert "speaking" not in str(logged)


async def test_only_the_newest_state_is_shown_and_a_reconnect_shows_it_again() -> None:
    room = Room()
    clock = FakeClock()
    async with telling_to(room, clock) as teller:
        teller.tell_state("thinking")
        await settle()
        for state in ("listening", "thinking", "speaking", "speaking"):
            teller.tell_state(state)
        await clock.advance(1)
        assert room.shown == ["thinking", "speaking"]
        teller.interrupted()
        teller.resumed()
        await clock.advance(1)
        assert room.shown == ["thinking", "speaking", "speaking"]


async def test_the_last_words_are_shown_before_the_end_but_not_for_ever() -> None:
    room = Room()
    async with telling_to(room) as teller:
        teller.tell(final("a", "Goodbye."))
    assert room.shown == [final("a", "Goodbye.")]
    room.open.clear()
    clock = FakeClock()
    teller = Teller(room.show, room.show, clock)
    teller.start()
    teller.tell(final("b", "Never."))
    closing = asyncio.create_task(teller.aclose())
    await clock.advance(5)
    await closing
    await teller.aclose()
    teller.tell(final("c", "After the end."))
    assert len(room.shown) == 1
