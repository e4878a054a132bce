"""What a call costs, and who is told."""

from dataclasses import replace

import pytest

from bridge.ports.call import EndReason
from bridge.ports.event import ResponseFinished
from bridge.ports.model_event import (
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    UserTextDone,
)
from bridge.ports.money import CallPrices, Cost
from bridge.ports.usage import TokenCounts, TranscriptionUsage
from tests.fakes.agents import SPEC
from tests.fakes.clock import settle
from tests.fakes.money import PRICES
from tests.unit.calls.desk import desk_over, request
from tests.unit.calls.rig import Carried, World, carrying

PRICED = replace(SPEC, prices=PRICES)


async def exchange(call: Carried) -> None:
    """Let the caller say something of a minute, and the agent answer."""
    call.session.push(
        SpeechStarted("u1", 0),
        SpeechStopped("u1", 60_000),
        UserTextDone("u1", "Hello.", None, TranscriptionUsage(audio_ms=60_000)),
        ResponseStarted("r1", None),
        ResponseDone(
            "r1",
            ResponseStatus.COMPLETED,
            TokenCounts(input_audio=600, cached_audio=100, output_audio=20),
        ),
    )
    await settle()


# 500 * 32 + 100 * 0.4 + 20 * 64 micro-dollars, and a minute at 17,000.
ANSWER = Cost(17_320, "USD", "v1")
WHOLE = Cost(34_320, "USD", "v1", 17_000)


async def test_answers_turns_telemetry_and_the_call_itself_say_what_they_cost(
    world: World,
) -> None:
    async with carrying(world, PRICED) as call:
        await call.join()
        before = await call.call.measure()
        await exchange(call)
        assert call.call.telemetry(before, await call.call.measure(), 0.0).cost == WHOLE
        assert call.call.view().cost == WHOLE
    report = await call.assert_ended(EndReason.API_ENDED)
    assert report.view.cost == WHOLE
    assert [turn.cost for turn in report.turns] == [WHOLE]
    finished = [kind for kind in call.kinds if isinstance(kind, ResponseFinished)]
    assert [kind.cost for kind in finished] == [ANSWER]


async def test_a_call_whose_model_has_no_price_has_tokens_and_no_cost(world: World) -> None:
    async with carrying(world) as call:
        await call.join()
        await exchange(call)
        view = call.call.view()
        assert view.usage.output_audio == 20
        assert view.cost is None
        (finished,) = [kind for kind in call.kinds if isinstance(kind, ResponseFinished)]
        assert finished.cost is None


@pytest.mark.parametrize("later", [None, replace(PRICES, version="v2")])
async def test_a_call_keeps_the_prices_of_its_beginning(
    world: World, later: CallPrices | None
) -> None:
    world.prices.prices = PRICES
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        world.prices.prices = later
        assert made.view.spec.prices == PRICES
        again = await desk.reception.create(request())
        assert again.view.spec.prices == later
