"""What a call spends: when it is warned of, when that ends the call, and what its tenant has."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from bridge.errors import BridgeError
from bridge.ids import ConnectionId, TenantId
from bridge.ports.budget import Budget, LimitKind, Spent
from bridge.ports.call import CallSpec, EndReason, Fault
from bridge.ports.event import LimitNear
from bridge.ports.model_event import ResponseDone, ResponseStarted, ResponseStatus, UserTextDone
from bridge.ports.usage import TokenCounts, TranscriptionUsage
from bridge.store.ledger import MemoryLedger
from tests.fakes.agents import SPEC, numbered
from tests.fakes.clock import settle
from tests.fakes.model import Answers, Cancelled, FakeSession, Responded
from tests.fakes.money import PRICES
from tests.unit.calls.rig import Carried, World, carrying

TODAY = date(2026, 1, 1)
"""Of a FakeClock."""
TEXT = "Our time is up. Goodbye!"
_numbers: Iterator[int] = iter(range(1, 1_000_000))


def with_budget(spec: CallSpec = SPEC, **most: int) -> CallSpec:
    agent = replace(spec.agent, budget_exceeded_text=TEXT)
    return replace(spec, agent=agent, prices=PRICES, budget=Budget(**most))


def of_tenant(spec: CallSpec = SPEC, **most: int) -> CallSpec:
    return replace(with_budget(spec), tenant_budget=Budget(**most))


async def spend(call: Carried, tokens: int, session: FakeSession | None = None) -> None:
    """Let the model answer for so many tokens, each of 24 micro-dollars."""
    response_id = f"spent_{next(_numbers)}"
    (session or call.session).push(
        ResponseStarted(response_id, None),
        ResponseDone(response_id, ResponseStatus.COMPLETED, TokenCounts(output_text=tokens)),
    )
    await settle()


def warnings(call: Carried) -> list[LimitNear]:
    return [kind for kind in call.kinds if isinstance(kind, LimitNear)]


def asked_for(call: Carried) -> list[Responded]:
    return [sent for sent in call.session.sent if isinstance(sent, Responded)]


async def test_four_fifths_of_a_budget_are_warned_of_once(world: World) -> None:
    async with carrying(world, with_budget(max_tokens=100)) as call:
        await call.join()
        await spend(call, 79)
        assert warnings(call) == []
        await spend(call, 1)
        await spend(call, 5)
        assert warnings(call) == [LimitNear(LimitKind.CALL_TOKENS, 0.8)]
        assert not call.call.is_over


async def test_a_budget_that_is_used_up_ends_the_call_when_its_notice_was_heard(
    world: World,
) -> None:
    world.models.answers = Answers.WHOLE
    async with carrying(world, with_budget(max_tokens=100)) as call:
        await call.join()
        await spend(call, 100)
        assert not call.call.is_over, "the notice is being said"
        assert asked_for(call) == [Responded("farewell", None, TEXT)]
        await call.pass_time(2)
        report = await call.assert_ended(EndReason.BUDGET_EXCEEDED)
    ending = report.view.ending
    assert ending is not None
    assert ending.fault is Fault.NONE
    assert ending.detail == "the call's tokens are used up"
    assert report.turns[-1].agent_text.endswith(TEXT)
    assert report.media.played_ms >= 100


async def test_an_agent_without_words_for_it_finds_its_own(world: World) -> None:
    world.models.answers = Answers.WHOLE
    spec = with_budget(max_tokens=1)
    async with carrying(world, replace(spec, agent=SPEC.agent)) as call:
        await call.join()
        await spend(call, 1)
        (asked,) = asked_for(call)
        assert (asked.tag, asked.say) == ("farewell", None)
        assert asked.instructions is not None
        assert "has to end now" in asked.instructions
        await call.pass_time(2)
        await call.assert_ended(EndReason.BUDGET_EXCEEDED)


async def test_an_answer_that_goes_on_and_on_is_interrupted_for_the_notice(world: World) -> None:
    world.models.answers = Answers.WHOLE
    async with carrying(world, with_budget(max_tokens=1)) as call:
        await call.join()
        call.session.begin_answer(audio_ms=60_000)
        await spend(call, 1)
        assert asked_for(call) == []
        await call.pass_time(11)
        assert any(isinstance(sent, Cancelled) for sent in call.session.sent)
        assert asked_for(call) == [Responded("farewell", None, TEXT)]
        await call.pass_time(2)
        await call.assert_ended(EndReason.BUDGET_EXCEEDED)


async def test_a_model_that_does_not_say_the_notice_does_not_keep_the_call(world: World) -> None:
    async with carrying(world, with_budget(max_tokens=1)) as call:
        await call.join()
        await spend(call, 1)
        await call.pass_time(30)
        await call.assert_ended(EndReason.BUDGET_EXCEEDED)


async def test_money_is_limited_too_transcription_included(world: World) -> None:
    async with carrying(world, with_budget(max_micro_units=17_240)) as call:
        await call.join()
        await spend(call, 9)  # 216
        assert warnings(call) == []
        call.session.push(UserTextDone("u1", "Hm.", None, TranscriptionUsage(audio_ms=60_000)))
        await settle()  # 17,000 more
        assert [one.limit for one in warnings(call)] == [LimitKind.CALL_COST]
        assert not call.call.is_over
        await spend(call, 1)
        await call.pass_time(30)
        report = await call.assert_ended(EndReason.BUDGET_EXCEEDED)
    assert report.view.ending is not None
    assert report.view.ending.detail == "the call's money is used up"
    assert report.view.cost is not None
    assert report.view.cost.micro_units == 17_240


async def test_who_has_not_come_yet_is_told_nothing(world: World) -> None:
    world.models.answers = Answers.WHOLE
    async with carrying(world, with_budget(max_tokens=1)) as call:
        await spend(call, 1)
        await call.assert_ended(EndReason.BUDGET_EXCEEDED)
        assert asked_for(call) == []


async def test_a_call_without_a_budget_spends_what_it_takes(world: World) -> None:
    async with carrying(world, replace(SPEC, budget=Budget())) as call:
        await call.join()
        await spend(call, 10**9)
        await call.pass_time(60)
        assert warnings(call) == []
        assert not call.call.is_over


async def test_what_calls_spend_is_their_tenants(world: World) -> None:
    async with carrying(world, with_budget()) as one, carrying(world, numbered(2)) as two:
        first, second = world.models.sessions
        await spend(one, 10, first)
        await spend(two, 5, second)
        await spend(one, 10, first)
    spent = await world.ledger.spent(SPEC.tenant_id, TODAY)
    assert spent == Spent(25, 20 * 24_000_000), "the second call's model has no price"
    assert await world.ledger.spent(TenantId("other"), TODAY) == Spent()


async def test_a_tenants_budget_ends_all_of_its_calls_also_those_that_spend_nothing(
    world: World,
) -> None:
    other = replace(of_tenant(numbered(3), max_tokens=100), tenant_id=TenantId("other"))
    async with (
        carrying(world, of_tenant(numbered(1), max_tokens=100)) as busy,
        carrying(world, of_tenant(numbered(2), max_tokens=100)) as idle,
        carrying(world, other) as strange,
    ):
        await spend(busy, 100, world.models.sessions[0])
        report = await busy.assert_ended(EndReason.BUDGET_EXCEEDED)
        assert report.view.ending is not None
        assert report.view.ending.detail == "the tenant's tokens of the day are used up"
        assert not idle.call.is_over
        await world.clock.advance(5)
        await idle.assert_ended(EndReason.BUDGET_EXCEEDED)
        assert not strange.call.is_over


async def test_a_tenants_limits_are_warned_of_by_their_names(world: World) -> None:
    async with carrying(world, of_tenant(max_tokens=100, max_micro_units=2_400)) as call:
        await spend(call, 90)
        assert warnings(call) == [
            LimitNear(LimitKind.TENANT_TOKENS, 0.9),
            LimitNear(LimitKind.TENANT_COST, 0.9),
        ]


async def test_a_new_day_begins_with_nothing_spent(world: World) -> None:
    # A FakeClock begins a quarter past midnight.
    to_midnight_s = (timedelta(days=1) - timedelta(seconds=1000)).total_seconds()
    spec = of_tenant(max_tokens=100)
    spec = replace(spec, limits=replace(spec.limits, join_timeout_s=90_000))
    async with carrying(world, spec) as call:
        await world.clock.advance(to_midnight_s - 10)
        await spend(call, 70)
        await world.clock.advance(20)
        await spend(call, 60)
        assert not call.call.is_over
        assert await world.ledger.spent(SPEC.tenant_id, TODAY) == Spent(70, 70 * 24_000_000)
        tomorrow = await world.ledger.spent(SPEC.tenant_id, TODAY + timedelta(days=1))
        assert tomorrow == Spent(60, 60 * 24_000_000)


class Broken(MemoryLedger):
    """A ledger that can be out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.works = False

    async def record(
        self, tenant_id: TenantId, day: date, connection_id: ConnectionId, spent: Spent
    ) -> Spent:
        if not self.works:
            raise BridgeError("out of order")
        return await super().record(tenant_id, day, connection_id, spent)


@pytest.fixture
def broken(world: World) -> Broken:
    ledger = Broken()
    world.ledger = ledger
    return ledger


async def test_a_ledger_that_is_out_of_order_is_told_later_and_ends_no_call(
    world: World, broken: Broken
) -> None:
    async with carrying(world, with_budget()) as call:
        await spend(call, 10)
        await spend(call, 10)
        assert not call.call.is_over
        broken.works = True
        await world.clock.advance(5)
        assert (await broken.spent(SPEC.tenant_id, TODAY)).tokens == 20


async def test_what_the_ledger_has_not_been_told_is_told_at_the_end(
    world: World, broken: Broken
) -> None:
    async with carrying(world, with_budget()) as call:
        await spend(call, 10)
        broken.works = True
    await call.assert_ended(EndReason.API_ENDED)
    assert (await broken.spent(SPEC.tenant_id, TODAY)).tokens == 10
