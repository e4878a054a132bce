"""The conversation as turns, and their latencies."""

from dataclasses import astuple
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.calls.latency import summarise
from bridge.calls.reply import Reply
from bridge.calls.turns import TurnLedger
from bridge.ports.event import TurnMeasured
from bridge.ports.money import Cost
from bridge.ports.report import LatencySummary
from bridge.ports.usage import TokenCounts, TranscriptionUsage
from tests.fakes.clock import FakeClock
from tests.fakes.money import PRICES


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def turns(clock: FakeClock) -> TurnLedger:
    return TurnLedger(clock)


async def exchange(turns: TurnLedger, clock: FakeClock, number: int, answer_s: float = 0.5) -> None:
    """One question of a second, and its answer."""
    turns.user_began(f"user-{number}", clock.monotonic_s())
    await clock.advance(1)
    turns.user_stopped(clock.monotonic_s())
    turns.answer_began(None)
    await clock.advance(answer_s / 2)
    turns.agent_audio_arrived(f"agent-{number}")
    await clock.advance(answer_s / 2)
    turns.agent_became_audible(f"agent-{number}", clock.monotonic_s(), 0)


async def test_question_and_answer_make_one_turn(turns: TurnLedger, clock: FakeClock) -> None:
    began_at = clock.now()
    await exchange(turns, clock, 1)
    turns.user_said("user-1", "Hello?")
    turns.agent_said("agent-1", "Hi.")
    turns.agent_was_heard("agent-1", 800, interrupted=False)
    turns.cost("agent-1", TokenCounts(output_audio=7))
    (turn,) = turns.turns()
    assert (turn.index, turn.started_at) == (1, began_at)
    assert (turn.user_text, turn.agent_text) == ("Hello?", "Hi.")
    assert (turn.agent_heard_ms, turn.interrupted) == (800, False)
    assert turn.latency is not None
    assert turn.latency.total_s == pytest.approx(0.5)
    assert turn.tokens == TokenCounts(output_audio=7)
    assert turns.user_talk_s == pytest.approx(1)
    assert turns.last_first_audio_s == pytest.approx(0.25)


async def test_a_turn_costs_what_its_answer_and_its_transcription_cost(clock: FakeClock) -> None:
    turns = TurnLedger(clock, PRICES)
    await exchange(turns, clock, 1)
    await exchange(turns, clock, 2)
    turns.transcribed("user-1", TranscriptionUsage(audio_ms=60_000))
    turns.cost("agent-1", TokenCounts(output_audio=10))
    turns.cost("agent-2", TokenCounts(output_text=1))
    assert [turn.cost for turn in turns.turns()] == [
        Cost(17_640, "USD", "v1", 17_000),
        Cost(24, "USD", "v1"),
    ]


async def test_turns_without_a_price_have_tokens_and_no_cost(
    turns: TurnLedger, clock: FakeClock
) -> None:
    await exchange(turns, clock, 1)
    turns.cost("agent-1", TokenCounts(output_audio=10))
    (turn,) = turns.turns()
    assert (turn.tokens.output_audio, turn.cost) == (10, None)


async def test_greeting_is_a_turn_of_its_own_without_latency(
    turns: TurnLedger, clock: FakeClock
) -> None:
    turns.agent_audio_arrived("greeting")
    turns.agent_became_audible("greeting", clock.monotonic_s(), 0)
    turns.agent_said("greeting", "Welcome.")
    assert turns.last_first_audio_s is None
    await exchange(turns, clock, 1)
    greeting, question = turns.turns()
    assert (greeting.index, greeting.agent_text, greeting.latency) == (1, "Welcome.", None)
    assert question.index == 2


async def test_caller_who_goes_on_before_any_answer_is_in_the_same_turn(
    turns: TurnLedger, clock: FakeClock
) -> None:
    turns.user_began("user-1", clock.monotonic_s())
    await clock.advance(1)
    turns.user_stopped(clock.monotonic_s())
    await clock.advance(3)
    await exchange(turns, clock, 2, answer_s=0.4)
    turns.user_said("user-1", "Well,")
    turns.user_said("user-2", "hello?")
    (turn,) = turns.turns()
    assert turn.user_text == "Well, hello?"
    assert turn.latency is not None
    assert turn.latency.total_s == pytest.approx(0.4), "from the last word, not the first pause"
    assert turns.user_talk_s == pytest.approx(2)


async def test_only_the_first_sound_of_a_turn_counts(turns: TurnLedger, clock: FakeClock) -> None:
    await exchange(turns, clock, 1)
    await clock.advance(5)
    turns.agent_audio_arrived("agent-1b")
    turns.agent_became_audible("agent-1b", clock.monotonic_s(), 0)
    (turn,) = turns.turns()
    assert turn.latency is not None
    assert turn.latency.total_s == pytest.approx(0.5)
    assert turns.last_first_audio_s == pytest.approx(0.25)


async def test_time_until_an_answer_is_split_by_where_it_went(
    turns: TurnLedger, clock: FakeClock
) -> None:
    turns.user_began("user-1", clock.monotonic_s())
    await clock.advance(1)
    silent_s = clock.monotonic_s()
    await clock.advance(0.55)  # 0.5 of silence, and a round trip
    turns.user_stopped(silent_s)
    turns.answer_began(None)
    await clock.advance(0.3)
    turns.agent_audio_arrived("agent-1")
    await clock.advance(0.01)
    heard_s = clock.monotonic_s() + 0.02  # behind what the output still holds
    told = turns.agent_became_audible("agent-1", heard_s, 0.05)
    (turn,) = turns.turns()
    assert turn.latency is not None
    assert told == TurnMeasured(1, turn.latency)
    assert astuple(turn.latency) == pytest.approx((0.5, 0.3, 0.05, 0.03))
    assert turn.latency.total_s == pytest.approx(heard_s - silent_s)
    assert turns.user_talk_s == pytest.approx(1), "the silence is not talk"


async def test_an_answer_that_is_asked_for_takes_the_way_to_the_model_twice(
    turns: TurnLedger, clock: FakeClock
) -> None:
    turns.user_began("user-1", clock.monotonic_s())
    turns.user_stopped(clock.monotonic_s())
    await clock.advance(0.7)  # the gateway thinks about it
    turns.answer_began(clock.monotonic_s())
    await clock.advance(0.25)
    turns.agent_audio_arrived("agent-1")
    turns.agent_became_audible("agent-1", clock.monotonic_s(), 0.05)
    (turn,) = turns.turns()
    assert turn.latency is not None
    assert astuple(turn.latency) == pytest.approx((0.65, 0.2, 0.1, 0))


async def test_an_answer_that_begins_before_the_caller_has_finished_is_not_measured(
    turns: TurnLedger, clock: FakeClock
) -> None:
    turns.user_began("user-1", clock.monotonic_s())
    turns.agent_audio_arrived("agent-1")
    await clock.advance(1)
    turns.user_stopped(clock.monotonic_s())
    assert turns.agent_became_audible("agent-1", clock.monotonic_s(), 0) is None
    assert turns.last_first_audio_s is None
    assert turns.turns()[0].latency is None


async def test_what_tools_take_is_part_of_the_models_time(
    turns: TurnLedger, clock: FakeClock
) -> None:
    turns.user_began("user-1", clock.monotonic_s())
    turns.user_stopped(clock.monotonic_s())
    turns.answer_began(None)
    await clock.advance(2)
    turns.answer_began(clock.monotonic_s())  # with what the tool has found
    await clock.advance(0.5)
    turns.agent_audio_arrived("agent-1")
    turns.agent_became_audible("agent-1", clock.monotonic_s(), 0)
    (turn,) = turns.turns()
    assert turn.latency is not None
    assert astuple(turn.latency) == pytest.approx((0, 2.5, 0, 0))


@given(
    st.lists(st.floats(0, 5), min_size=3, max_size=3),
    st.one_of(st.none(), st.floats(-2, 12)),
    st.floats(0, 10),
)
def test_parts_of_a_latency_add_up_whatever_the_clocks_say(
    passed_s: list[float], asked_s: float | None, round_trip_s: float
) -> None:
    decided_s, first_s, heard_s = accumulate(passed_s)
    reply = Reply(0, decided_s)
    reply.begin(asked_s)
    latency = reply.latency(first_s, heard_s, round_trip_s)
    assert latency.total_s == pytest.approx(heard_s)
    assert min(astuple(latency)) >= -1e-9


async def test_words_that_come_late_find_their_turn(turns: TurnLedger, clock: FakeClock) -> None:
    await exchange(turns, clock, 1)
    await exchange(turns, clock, 2)
    turns.user_said("user-1", "one")
    turns.agent_said("agent-1", "uno")
    turns.user_said("user-2", "two")
    assert [turn.user_text for turn in turns.turns()] == ["one", "two"]
    assert [turn.agent_text for turn in turns.turns()] == ["uno", ""]


async def test_interrupted_turn_adds_up_what_was_heard(turns: TurnLedger, clock: FakeClock) -> None:
    await exchange(turns, clock, 1)
    turns.agent_was_heard("agent-1", 300, interrupted=False)
    turns.agent_was_heard("agent-1b", 120, interrupted=True)
    turns.agent_was_heard("agent-1c", 0, interrupted=False)
    (turn,) = turns.turns()
    assert (turn.agent_heard_ms, turn.interrupted) == (420, True)


def test_cost_without_an_item_goes_to_the_newest_turn(turns: TurnLedger) -> None:
    turns.cost(None, TokenCounts(input_text=3))
    turns.user_began("user-1", 0)
    turns.cost(None, TokenCounts(input_text=4))
    assert sum(turn.tokens.input_text for turn in turns.turns()) == 7


def test_stop_without_a_start_is_no_talk(turns: TurnLedger) -> None:
    turns.user_stopped(0)
    assert turns.user_talk_s == 0
    assert turns.turns() == ()


def test_newest_thousand_turns_are_kept(turns: TurnLedger) -> None:
    for number in range(1005):
        turns.user_began(f"user-{number}", 0)
        turns.agent_audio_arrived(f"agent-{number}")
    kept = turns.turns()
    assert len(kept) == 1000
    assert (kept[0].index, kept[-1].index) == (6, 1005)
    turns.user_said("user-0", "long forgotten")  # its turn is gone: no error


def test_no_values_have_no_distribution() -> None:
    assert summarise([]) is None


def test_one_value_is_every_percentile() -> None:
    assert summarise([0.3]) == LatencySummary(1, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3)


def test_percentiles_are_by_nearest_rank() -> None:
    summary = summarise(value / 100 for value in range(100, 0, -1))
    assert summary == LatencySummary(100, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0)


def test_percentiles_of_few_values_are_values() -> None:
    summary = summarise([3.0, 1.0, 2.0])
    assert summary == LatencySummary(3, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0)


async def test_latency_is_summarised_over_turns(turns: TurnLedger, clock: FakeClock) -> None:
    for number, answer_s in enumerate([0.4, 0.6, 0.8]):
        await exchange(turns, clock, number, answer_s)
    summary = turns.latency()
    assert summary is not None
    assert summary.count == 3
    assert summary.p50_s == pytest.approx(0.6)
    assert turns.last_latency_s == pytest.approx(0.8)
