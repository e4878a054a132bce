"""Playout: what was played of what the model said, to the millisecond."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.media.playout import LONGEST_FRAME_MS, Playout
from bridge.media.resample import to_room
from bridge.pcm import TICK_MS
from tests.fakes.clock import FakeClock, settle
from tests.fakes.sound import FakeOutput, keep_writing
from tests.tones import amplitude_at, samples_of, tone


class Stage:
    """A playout with its writer running, on a clock that stands still."""

    def __init__(self, max_buffered_ms: int = 60_000) -> None:
        self.clock = FakeClock()
        self.output = FakeOutput(self.clock)
        self.playout = Playout(to_room(), self.output, self.clock, max_buffered_ms)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["Stage"]:
        writer = asyncio.create_task(keep_writing(self.playout, self.output))
        try:
            yield self
        finally:
            writer.cancel()
            await asyncio.wait([writer])

    def say(self, item: str, ms: float, hz: float = 440) -> None:
        self.playout.push(item, 0, tone(hz, ms, rate_hz=24_000))

    async def passes(self, ms: float) -> None:
        await self.clock.advance(ms / 1000)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage().writing() as stage:
        yield stage


async def test_what_the_model_says_is_played(stage: Stage) -> None:
    stage.say("a", 1000)
    stage.playout.finish("a", 0)
    await stage.passes(2000)
    assert len(stage.output.played) == 48_000 * 2
    assert amplitude_at(stage.output.played, 440) == pytest.approx(8000, rel=0.01)
    assert stage.playout.progress() == ()


async def test_an_answer_faster_than_real_time_is_played_in_real_time(stage: Stage) -> None:
    stage.say("a", 10_000)
    await stage.passes(500)
    (item,) = stage.playout.progress()
    assert (item.item_id, item.content_index, item.received_ms) == ("a", 0, 10_000)
    assert item.played_ms == pytest.approx(500, abs=1)
    assert stage.output.queued_ms <= 60 + LONGEST_FRAME_MS


async def test_clear_says_what_was_heard_and_is_silent_at_once(stage: Stage) -> None:
    stage.say("a", 10_000)
    await stage.passes(700)
    (heard,) = stage.playout.clear()
    assert (heard.item_id, heard.received_ms) == ("a", 10_000)
    assert heard.played_ms == pytest.approx(700, abs=1)
    await stage.passes(1000)
    assert len(stage.output.played) == pytest.approx(700 * 96, abs=96)
    assert stage.playout.counters.cleared_ms == pytest.approx(9300, abs=1)
    await stage.playout.drained()


async def test_items_that_were_not_begun_are_reported_with_nothing_played(stage: Stage) -> None:
    stage.say("a", 100)
    stage.say("b", 100)
    stage.playout.push("b", 1, tone(440, 50, rate_hz=24_000))
    await stage.passes(20)
    heard = stage.playout.clear()
    assert [(i.item_id, i.content_index, i.received_ms) for i in heard] == [
        ("a", 0, 100),
        ("b", 0, 100),
        ("b", 1, 50),
    ]
    assert heard[0].played_ms == pytest.approx(20, abs=1)
    assert (heard[1].played_ms, heard[2].played_ms) == (0, 0)


async def test_an_item_heard_wholly_is_not_reported(stage: Stage) -> None:
    stage.say("a", 100)
    stage.playout.finish("a", 0)
    await stage.passes(200)
    assert stage.playout.clear() == ()


async def test_sound_of_a_cleared_item_is_stale(stage: Stage) -> None:
    stage.say("a", 100)
    await stage.passes(20)
    stage.playout.clear()
    stage.say("a", 100)
    stage.say("b", 100, hz=1000)
    stage.playout.finish("b", 0)
    await stage.passes(500)
    assert stage.playout.counters.stale_ms == 100
    assert amplitude_at(stage.output.played[-9600:], 1000) == pytest.approx(8000, rel=0.05)
    assert amplitude_at(stage.output.played[-9600:], 440) < 100


async def test_a_write_under_way_is_silenced_too(stage: Stage) -> None:
    stage.say("a", 10_000)
    await settle()
    before = stage.output.writes
    assert stage.output.queued_ms > 60  # the writer waits inside a write
    stage.playout.clear()
    await stage.passes(200)
    assert stage.output.writes == before
    assert stage.output.queued_ms == 0


async def test_the_last_piece_is_padded_to_be_heard(stage: Stage) -> None:
    stage.say("a", 33)
    stage.playout.finish("a", 0)
    await stage.passes(200)
    assert len(stage.output.played) == 40 * 96
    assert not samples_of(stage.output.played)[33 * 48 :].any()
    counters = stage.playout.counters
    assert (counters.played_ms, counters.buffered_ms, counters.queued_ms) == (33, 0, 0)


async def test_sound_in_real_time_is_delayed_by_one_frame_and_not_torn(stage: Stage) -> None:
    whole = tone(440, 2000, rate_hz=24_000)
    for start in range(0, len(whole), 960):
        stage.playout.push("a", 0, whole[start : start + 960])
        await stage.passes(20)
        behind_ms = stage.playout.counters.received_ms - stage.playout.counters.played_ms
        assert behind_ms <= 20
    stage.playout.finish("a", 0)
    await stage.passes(100)
    assert stage.playout.counters.underruns == 0
    assert amplitude_at(stage.output.played, 440) == pytest.approx(8000, rel=0.01)


async def test_a_gap_that_is_heard_is_counted(stage: Stage) -> None:
    stage.say("a", 100)
    await stage.passes(500)
    stage.say("a", 100)
    await stage.passes(500)
    stage.playout.finish("a", 0)
    await stage.passes(500)
    assert stage.playout.counters.underruns == 2  # and the flushed end came late too
    assert stage.playout.counters.played_ms == 200


async def test_pauses_between_items_are_no_underruns(stage: Stage) -> None:
    for item in "abc":
        stage.say(item, 100)
        stage.playout.finish(item, 0)
        await stage.passes(1000)
    assert stage.playout.counters.underruns == 0


async def test_drained_waits_for_the_last_word(stage: Stage) -> None:
    stage.say("a", 500)
    waiting = asyncio.create_task(stage.playout.drained())
    await stage.passes(2000)
    assert not waiting.done()  # more of the item may come
    stage.say("a", 300)
    stage.playout.finish("a", 0)
    await stage.passes(280)
    assert not waiting.done()
    await stage.passes(40)
    assert waiting.done()


async def test_a_full_buffer_drops_the_rest_of_the_item_and_only_that() -> None:
    stage = Stage(max_buffered_ms=100)
    stage.say("a", 80)
    stage.say("a", 40, hz=1000)
    async with stage.writing():
        await stage.passes(200)
        stage.say("a", 10, hz=1000)
        stage.say("b", 50)
        stage.playout.finish("b", 0)
        await stage.passes(200)
    counters = stage.playout.counters
    assert (counters.dropped_ms, counters.played_ms) == (50, 130)
    assert amplitude_at(stage.output.played, 1000) < 400


class RealTime:
    """A model that speaks a tone without end, as fast as it is played."""

    def __init__(self, stage: Stage, sound: bytes | None = None) -> None:
        self._stage = stage
        self._sound = sound or tone(440, 10_000, rate_hz=24_000)
        self._sent = 0

    async def goes_on(self, ms: int) -> None:
        for _ in range(ms // 20):
            await self._stage.passes(20)
            self._send()

    async def stalls(self, ms: int) -> None:
        await self._stage.passes(ms)
        for _ in range(ms // 20):
            self._send()

    def _send(self) -> None:
        self._stage.playout.push("a", 0, self._sound[self._sent : self._sent + 960])
        self._sent += 960


async def test_delay_left_by_a_stall_is_worked_off_within_a_second(stage: Stage) -> None:
    model = RealTime(stage)
    await model.goes_on(1000)
    await model.stalls(400)
    before = stage.playout.counters
    assert before.buffered_ms + before.queued_ms >= 380
    await model.goes_on(1000)
    after = stage.playout.counters
    assert after.buffered_ms + after.queued_ms <= 60
    assert after.dropped_ms == pytest.approx(370, abs=20)
    assert after.underruns == 1
    await model.goes_on(1000)
    assert stage.playout.counters.dropped_ms == after.dropped_ms


async def test_delay_left_before_the_first_sound_is_worked_off(stage: Stage) -> None:
    model = RealTime(stage)
    await model.stalls(80)
    await model.goes_on(500)
    before = stage.playout.counters
    assert before.buffered_ms + before.queued_ms >= 80
    await model.goes_on(1000)
    after = stage.playout.counters
    assert after.buffered_ms + after.queued_ms <= 40
    assert after.dropped_ms == pytest.approx(60, abs=20)
    assert after.underruns == 0


async def test_what_is_left_out_is_a_pause_where_one_comes(stage: Stage) -> None:
    word, pause = tone(440, 100, rate_hz=24_000), bytes(24 * 2 * 200)
    model = RealTime(stage, 20 * (word + pause))
    await model.goes_on(1000)
    await model.stalls(160)
    await model.goes_on(2000)
    counters = stage.playout.counters
    assert counters.dropped_ms >= 100
    heard = [bool(amplitude_at(piece, 440) > 4000) for piece in pieces(stage.output.played, 10)]
    words = "".join("x" if loud else " " for loud in heard).split()
    assert {len(each) for each in words[:-1]} <= {9, 10, 11}


async def test_what_is_left_out_counts_as_heard_once_its_place_is_passed(stage: Stage) -> None:
    model = RealTime(stage)
    await model.goes_on(1000)
    await model.stalls(400)
    await model.goes_on(2000)
    now = stage.playout.counters
    (item,) = stage.playout.clear()
    assert item.received_ms == 3400
    assert item.played_ms == pytest.approx(now.played_ms + now.dropped_ms, abs=1)
    assert item.received_ms - item.played_ms <= 60


async def test_the_place_of_what_is_left_out_is_not_passed_early(stage: Stage) -> None:
    model = RealTime(stage)
    await model.goes_on(1000)
    await model.stalls(400)
    while not stage.playout.counters.dropped_ms:
        await model.goes_on(20)
    now = stage.playout.counters
    (item,) = stage.playout.progress()
    assert item.played_ms == pytest.approx(now.played_ms, abs=1)
    await model.goes_on(400)
    now = stage.playout.counters
    (item,) = stage.playout.progress()
    assert item.played_ms == pytest.approx(now.played_ms + now.dropped_ms, abs=1)


def pieces(pcm: bytes, ms: int) -> list[bytes]:
    """Return 48 kHz sound cut into pieces of one length."""
    size = 48 * 2 * ms
    return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


def sweep(ms: float) -> bytes:
    """Return sound of which every piece tells its place: it rises from 200 to 5,200 Hz in 10 s."""
    time_s = np.arange(int(ms * 24)) / 24_000
    return bytes((8000 * np.sin(2 * np.pi * (200 + 250 * time_s) * time_s)).astype(np.int16))


async def test_pause_is_silent_at_once_and_resume_goes_on_where_it_was(stage: Stage) -> None:
    whole = Stage()
    async with whole.writing():
        whole.playout.push("a", 0, sweep(4000))
        whole.playout.finish("a", 0)
        await whole.passes(5000)
    stage.playout.push("a", 0, sweep(4000))
    stage.playout.finish("a", 0)
    await stage.passes(1234)
    stage.playout.pause()
    before = stage.output.played
    assert len(before) == pytest.approx(1234 * 96, abs=96)
    await stage.passes(3000)
    assert stage.output.played == before
    (item,) = stage.playout.progress()
    assert item.played_ms == pytest.approx(1234, abs=10)
    stage.playout.resume()
    await stage.passes(5000)
    after = stage.output.played[len(before) :]
    assert whole.output.played.startswith(before)
    assert whole.output.played.endswith(after)
    lost_ms = (len(whole.output.played) - len(before) - len(after)) / 96
    assert 0 <= lost_ms < 10
    assert stage.playout.progress() == ()
    assert stage.playout.counters.underruns == 0


async def test_items_that_were_wholly_written_come_back_from_a_pause(stage: Stage) -> None:
    for item in ("a", "b"):
        stage.say(item, 30)
        stage.playout.finish(item, 0)
    await stage.passes(10)
    stage.playout.pause()
    assert [item.item_id for item in stage.playout.progress()] == ["a", "b"]
    drained = asyncio.create_task(stage.playout.drained())
    await stage.passes(1000)
    assert not drained.done(), "there is something left to be heard"
    stage.playout.resume()
    await stage.passes(100)
    assert drained.done()
    assert len(stage.output.played) == pytest.approx(60 * 96, abs=10 * 96)
    assert stage.playout.counters.buffered_ms == 0


async def test_pause_that_is_cleared_is_over(stage: Stage) -> None:
    stage.say("a", 1000)
    await stage.passes(300)
    stage.playout.pause()
    (heard,) = stage.playout.clear()
    assert heard.played_ms == pytest.approx(300, abs=10)
    assert not stage.playout.is_paused
    stage.say("b", 500, hz=880)
    stage.playout.finish("b", 0)
    await stage.passes(1000)
    assert len(stage.output.played) == pytest.approx(800 * 96, abs=10 * 96)


async def test_sound_that_arrives_in_a_pause_waits(stage: Stage) -> None:
    stage.playout.pause()
    stage.say("a", 500)
    stage.playout.finish("a", 0)
    await stage.passes(2000)
    assert stage.output.played == b""
    stage.playout.resume()
    await stage.passes(1000)
    assert len(stage.output.played) == 500 * 96


async def test_utterances_do_not_leak_into_each_other(stage: Stage) -> None:
    stage.say("a", 100)
    stage.playout.finish("a", 0)
    await stage.passes(300)
    stage.playout.push("b", 0, bytes(4800))
    stage.playout.finish("b", 0)
    await stage.passes(300)
    assert np.abs(samples_of(stage.output.played)[4800:]).max() <= 1


async def test_it_prints_its_chain(stage: Stage) -> None:
    stage.say("a", 100)
    text = str(stage.playout)
    assert text.startswith("Playout(100 ms buffered, 0 ms played")
    assert " -> SoxrResampler(" in text


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.sampled_from("abcd"), st.integers(1, 4000)),
        st.tuples(st.just("finish"), st.sampled_from("abcd"), st.just(0)),
        st.tuples(st.just("clear"), st.just(""), st.just(0)),
        st.tuples(st.just("pause"), st.just(""), st.just(0)),
        st.tuples(st.just("resume"), st.just(""), st.just(0)),
        st.tuples(st.just("pass"), st.just(""), st.integers(1, 150)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_no_millisecond_is_lost_or_invented(actions: list[tuple[str, str, int]]) -> None:
    asyncio.run(_check_accounting(actions))


async def _check_accounting(actions: list[tuple[str, str, int]]) -> None:
    stage = Stage(max_buffered_ms=200)
    # WebRTC takes whole ticks: the one that is being played at a pause is heard to its end, and
    # counts as played, where the stage's output breaks off in the middle of it.
    begun_ticks = 0
    async with stage.writing():
        for action, item, amount in actions:
            begun_ticks += action == "pause" and not stage.playout.is_paused
            if action == "push":
                stage.playout.push(item, 0, bytes(2 * amount))
            elif action == "finish":
                stage.playout.finish(item, 0)
            elif action == "pause":
                stage.playout.pause()
            elif action == "resume":
                stage.playout.resume()
            elif action == "pass":
                await stage.passes(amount)
            reports = stage.playout.clear() if action == "clear" else stage.playout.progress()
            assert all(0 <= r.played_ms <= r.received_ms for r in reports)
            now = stage.playout.counters
            accounted = (
                now.played_ms + now.queued_ms + now.buffered_ms
                + now.cleared_ms + now.dropped_ms + now.stale_ms
            )  # fmt: skip
            assert accounted == pytest.approx(now.received_ms)
            heard_ms = len(stage.output.played) / 96
            assert now.played_ms <= heard_ms + 1 + begun_ticks * TICK_MS
