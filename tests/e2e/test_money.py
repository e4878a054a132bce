"""What a call costs is told; a budget that is used up is heard, and ends the call."""

from contextlib import aclosing
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from bridge.client import BridgeClient, ResourceExhaustedError
from bridge.room.caller import Caller
from bridge.simulator import Simulator
from bridge.simulator.usage import heard_tokens, text_tokens
from bridge.v1 import call_pb2, event_pb2
from bridge.v1.agent_pb2 import AgentOverrides
from bridge.v1.call_pb2 import Budget, TokenUsage
from tests.e2e.rig import (
    AUDIBLE,
    bridge_process,
    called,
    ended,
    heard_ms,
    hears,
    joined,
    ready,
    silence,
    until,
)
from tests.livekit_server import LiveKitServer
from tests.tones import amplitude_at, tone

pytestmark = pytest.mark.e2e

PRICES = Path(__file__).parent / "prices.yaml"
NOTICE_HZ = 1000.0
"""What the simulator says where it has heard no tone itself."""


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


async def test_a_call_that_has_spent_its_budget_says_so_after_its_answer_and_ends(
    client: BridgeClient,
) -> None:
    created = await client.create_room("Ada", "tester", budget=Budget(max_tokens=30))
    async with joined(created) as caller:
        await ready(client, created.connection_id)
        await caller.play(tone(440, 600) + silence(500))
        report = await ended(client, created.connection_id)
        # A second each, the answer to its end and the notice behind it.
        assert heard_ms(caller, 880) >= 900
        assert heard_ms(caller, NOTICE_HZ) >= 900
        assert onset_ms(caller, 880) < onset_ms(caller, NOTICE_HZ)
    assert report.call.end_reason == call_pb2.END_REASON_BUDGET_EXCEEDED
    assert report.call.end_fault == call_pb2.END_FAULT_NONE
    assert report.call.budget == Budget(max_tokens=30)
    warning = (await until(client, created.connection_id, "limit_warning")).limit_warning
    assert warning.limit == event_pb2.LIMIT_KIND_CALL_TOKENS
    assert warning.used >= 0.8


async def test_a_tenant_that_has_spent_its_day_loses_its_calls_politely_and_gets_no_more(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    budgets = tmp_path / "budgets.yaml"
    budgets.write_text("tenants: {acme: {max_micro_units: 20000}}")
    settings = {
        "MEDIABRIDGE_PRICES": str(PRICES),
        "MEDIABRIDGE_BUDGETS": str(budgets),
        "MEDIABRIDGE_WORKERS": "2",
    }
    async with (
        bridge_process(livekit_server, simulator.url, tmp_path / "log", **settings) as bridge,
        BridgeClient(bridge.address) as client,
    ):
        busy, idle, other = [
            await client.create_room("Ada", "tester", tenant_id=tenant)
            for tenant in ("acme", "acme", "other")
        ]
        async with joined(idle) as waiting, joined(busy) as speaking:
            await ready(client, busy.connection_id)
            await ready(client, idle.connection_id)
            await speaking.play(tone(440, 600) + silence(500))
            reports = [await ended(client, call.connection_id) for call in (busy, idle)]
            for caller in (speaking, waiting):
                assert heard_ms(caller, NOTICE_HZ) >= 900
        for report in reports:
            assert report.call.end_reason == call_pb2.END_REASON_BUDGET_EXCEEDED
            assert report.call.end_detail == "the tenant's money of the day is used up"
        with pytest.raises(ResourceExhaustedError) as refused:
            await client.create_room("Ada", "tester", tenant_id="acme")
        assert refused.value.reason == "BUDGET_EXCEEDED"
        assert refused.value.metadata == {"limit": "tenant_cost"}
        assert (await client.status(other.connection_id)).is_active
        await client.end_call(other.connection_id)


def onset_ms(caller: Caller, hz: float) -> float:
    """Return when the caller first heard a tone, to a tenth of a second of its recording."""
    pcm = caller.heard.samples.tobytes()
    step = 9600
    for at in range(0, len(pcm) - step + 1, step):
        if amplitude_at(pcm[at : at + step], hz) > AUDIBLE:
            return at / 96
    raise AssertionError(f"{hz} Hz was never heard")
