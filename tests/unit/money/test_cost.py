"""Amounts are exact, and rounded once."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ports.money import (
    CallPrices,
    Cost,
    TokenPrices,
    TranscriptionPrices,
    micro_units,
)
from bridge.ports.usage import TokenCounts, TranscriptionUsage
from tests.fakes.money import PRICES

# A day of talk at full speed is two million tokens; prices go up to a million a million.
TOKENS = st.integers(0, 10_000_000)
PRICE = st.integers(0, 10**12)
COUNTS = st.builds(TokenCounts, *[TOKENS] * 8)
TABLES = st.builds(TokenPrices, *[PRICE] * 8)


@st.composite
def sensible(draw: st.DrawFn) -> TokenCounts:
    """Return counts in which no more is cached than was read."""
    read = [draw(TOKENS) for _ in range(3)]
    cached = [draw(st.integers(0, count)) for count in read]
    return TokenCounts(
        input_text=read[0],
        input_audio=read[1],
        input_image=read[2],
        cached_text=cached[0],
        cached_audio=cached[1],
        cached_image=cached[2],
        output_text=draw(TOKENS),
        output_audio=draw(TOKENS),
    )


SENSIBLE = sensible()


def test_every_kind_of_token_has_its_own_price() -> None:
    prices = TokenPrices(1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
    tokens = TokenCounts(
        input_text=9,
        input_audio=8,
        input_image=7,
        cached_text=1,
        cached_audio=2,
        cached_image=3,
        output_text=4,
        output_audio=5,
    )
    assert prices.picos(tokens) == 8 + 60 + 400 + 1_000 + 20_000 + 300_000 + 4 * 10**6 + 5 * 10**7


def test_a_call_costs_what_a_person_works_out_on_paper() -> None:
    tokens = TokenCounts(
        input_text=1_200,
        input_audio=600,
        cached_text=1_000,
        cached_audio=400,
        output_text=50,
        output_audio=300,
    )
    # 200 * 4 + 1000 * 0.4 + 200 * 32 + 400 * 0.4 + 50 * 24 + 300 * 64 = 28,160 micro-dollars
    minute_and_a_half = TranscriptionUsage(audio_ms=90_000)
    assert PRICES.cost(tokens) == Cost(28_160, "USD", "v1")
    assert PRICES.cost(tokens, minute_and_a_half) == Cost(53_660, "USD", "v1", 25_500)


@given(COUNTS, TABLES)
def test_the_cost_of_tokens_is_exact(tokens: TokenCounts, prices: TokenPrices) -> None:
    exact = sum(
        (Decimal(max(0, read - cached)) * price + Decimal(min(cached, read)) * cached_price)
        for read, cached, price, cached_price in (
            (tokens.input_text, tokens.cached_text, prices.input_text, prices.cached_text),
            (tokens.input_audio, tokens.cached_audio, prices.input_audio, prices.cached_audio),
            (tokens.input_image, tokens.cached_image, prices.input_image, prices.cached_image),
        )
    )
    exact += Decimal(tokens.output_text) * prices.output_text
    exact += Decimal(tokens.output_audio) * prices.output_audio
    cost = CallPrices("USD", "v", prices).cost(tokens)
    rounded = (exact / 1_000_000).quantize(Decimal(1), ROUND_HALF_UP)
    assert Decimal(cost.micro_units) == rounded


@given(SENSIBLE, SENSIBLE, TABLES)
def test_what_two_responses_cost_together_is_what_they_cost_one_by_one(
    one: TokenCounts, other: TokenCounts, prices: TokenPrices
) -> None:
    assert prices.picos(one + other) == prices.picos(one) + prices.picos(other)


@pytest.mark.parametrize(
    ("picos", "micros"),
    [(0, 0), (499_999, 0), (500_000, 1), (1_499_999, 1), (1_500_000, 2), (10**18, 10**12)],
)
def test_half_a_micro_unit_is_rounded_up(picos: int, micros: int) -> None:
    assert micro_units(picos) == micros


def test_more_cached_tokens_than_were_read_make_no_amount_negative() -> None:
    tokens = TokenCounts(input_text=10, cached_text=1_000_000)
    assert PRICES.model.picos(tokens) == 10 * PRICES.model.cached_text


@pytest.mark.parametrize(
    ("ms", "picos"), [(60_000, 17 * 10**9), (1, 283_333), (30_000, 85 * 10**8)]
)
def test_sound_is_charged_by_the_millisecond(ms: int, picos: int) -> None:
    prices = TranscriptionPrices(minute=17_000)
    assert prices.picos(TranscriptionUsage(audio_ms=ms)) == picos


def test_transcription_can_be_charged_by_tokens() -> None:
    prices = TranscriptionPrices(input_text=1, input_audio=10, output_text=100)
    usage = TranscriptionUsage(input_text=2, input_audio=3, output_text=4, audio_ms=60_000)
    assert prices.picos(usage) == 432


def test_nothing_that_is_not_transcribed_is_charged() -> None:
    prices = CallPrices("USD", "v", PRICES.model)
    assert prices.picos(TokenCounts(), TranscriptionUsage(audio_ms=60_000)) == 0
