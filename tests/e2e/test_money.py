"""What a call costs is told while it lasts and afterwards."""

from contextlib import aclosing
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from bridge.client import BridgeClient
from bridge.simulator import Simulator
from bridge.simulator.usage import heard_tokens, text_tokens
from bridge.v1.agent_pb2 import AgentOverrides
from bridge.v1.call_pb2 import TokenUsage
from tests.e2e.rig import bridge_process, called, ended, hears, ready, silence
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = pytest.mark.e2e

PRICES = Path(__file__).parent / "prices.yaml"


def model_micro_units(usage: TokenUsage) -> Decimal:
    """Return what the tokens cost by prices.yaml, worked out here once more."""
    text, audio = usage.cached_text_tokens, usage.cached_audio_tokens
    return (
        Decimal(usage.input_text_tokens - text)
        + Decimal("0.5") * text
        + 10 * Decimal(usage.input_audio_tokens - audio)
        + 5 * Decimal(audio)
        + 1000 * Decimal(usage.output_text_tokens)
        + 10000 * Decimal(usage.output_audio_tokens)
    )


async def test_a_call_costs_what_its_tokens_and_transcriptions_cost(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICES.read_text())
    async with (
        bridge_process(
            livekit_server, simulator.url, tmp_path / "log", MEDIABRIDGE_PRICES=str(prices)
        ) as bridge,
        BridgeClient(bridge.address) as client,
        called(client) as (created, caller),
    ):
        await ready(client, created.connection_id)
        for hz in (440.0, 600.0):
            await caller.play(tone(hz, 600) + silence(500))
            await hears(caller, 2 * hz, 900)
        async with aclosing(client.telemetry(created.connection_id)) as figures:
            (sample,) = (await anext(figures)).samples
        other = await client.create_room("Bea", "tester", agent=AgentOverrides(model="unknown"))
        await client.end_call(other.connection_id)
        await client.end_call(created.connection_id)
        report = await ended(client, created.connection_id)
        unpriced = await ended(client, other.connection_id)

    cost, usage = report.cost, report.call.usage
    assert (cost.currency, cost.price_version) == ("EUR", "e2e-1")
    assert usage.cached_audio_tokens > 0
    words = sum(text_tokens(turn.user_text) for turn in report.turns)
    # The simulator hears 600 ms of tone and the padding before it, in both turns the same.
    written = cost.transcription_micro_units - 100_000 * words
    assert written % 10_000 == 0
    assert 2 * heard_tokens(600) <= written // 10_000 <= 2 * heard_tokens(1000)
    expected = model_micro_units(usage) + cost.transcription_micro_units
    assert cost.micro_units == expected.quantize(Decimal(1), ROUND_HALF_UP)
    assert report.call.cost == cost
    assert sample.model.cost == cost
    assert abs(sum(turn.cost.micro_units for turn in report.turns) - cost.micro_units) <= 1
    assert len({turn.cost.micro_units for turn in report.turns}) == len(report.turns) == 2
    assert not unpriced.HasField("cost")
