"""Which calls may begin, by what they and their tenants may spend."""

from dataclasses import replace

import pytest

from bridge.calls.front.allowance import Allowances
from bridge.calls.front.request import CallRequest
from bridge.errors import Exhausted, InvalidRequest, WrongState
from bridge.ids import ConnectionId
from bridge.ports.budget import Budget, Spent
from tests.fakes.agents import SILENT, FakeAgents
from tests.fakes.money import PRICES
from tests.unit.calls.desk import ACME, OTHER, Desk, desk_over, request
from tests.unit.calls.rig import World

THRIFTY = replace(SILENT, budget=Budget(max_tokens=100, max_micro_units=5_000))


async def budget_of(desk: Desk, asked: CallRequest) -> Budget:
    return (await desk.reception.create(asked)).view.spec.budget


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (Budget(), Budget(100, 5_000)),
        (Budget(max_tokens=50), Budget(50, 5_000)),
        (Budget(max_tokens=500, max_micro_units=4_000), Budget(100, 4_000)),
    ],
)
async def test_of_the_agents_budget_and_the_requests_the_smaller_counts(
    world: World, asked: Budget, given: Budget
) -> None:
    world.prices.prices = PRICES
    async with desk_over(world, agents=FakeAgents(THRIFTY)) as desk:
        assert await budget_of(desk, request(budget=asked)) == given


async def test_a_budget_of_tokens_needs_no_price(world: World) -> None:
    async with desk_over(world) as desk:
        asked = request(budget=Budget(max_tokens=50))
        assert await budget_of(desk, asked) == Budget(max_tokens=50)


@pytest.mark.parametrize("whose", ["agent", "request", "tenant"])
async def test_money_cannot_be_limited_where_no_price_is_known(world: World, whose: str) -> None:
    money = Budget(max_micro_units=1)
    agents = FakeAgents(replace(SILENT, budget=money if whose == "agent" else Budget()))
    world.budgets.default = money if whose == "tenant" else Budget()
    async with desk_over(world, agents=agents) as desk:
        with pytest.raises(WrongState) as refused:
            await desk.reception.create(request(budget=money if whose == "request" else Budget()))
        assert refused.value.reason == "MODEL_WITHOUT_PRICE"
        assert refused.value.metadata == {"model": "m", "transcription_model": ""}
        await desk.assert_nothing_left()


async def test_a_tenant_that_has_spent_its_day_is_refused_by_the_limits_name(world: World) -> None:
    world.prices.prices = PRICES
    world.budgets.tenants[ACME] = Budget(max_tokens=100, max_micro_units=1)
    today = world.clock.now().date()
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        assert made.view.spec.tenant_budget == Budget(100, 1)
        await desk.registry.end(made.view.connection_id, ACME)
        await world.ledger.record(ACME, today, ConnectionId("x"), Spent(100, 0))
        with pytest.raises(Exhausted) as refused:
            await desk.reception.create(request())
        assert refused.value.reason == "BUDGET_EXCEEDED"
        assert refused.value.metadata == {"limit": "tenant_tokens"}
        # A FakeClock begins 1000 s after midnight.
        assert refused.value.retry_after_s == 86_400 - 1_000
        assert desk.host.status().slots_free == desk.host.status().slots_total
        other = await desk.reception.create(request(tenant=OTHER))
        assert not other.view.is_over


async def test_money_that_is_spent_refuses_too_and_a_new_day_admits_again(world: World) -> None:
    allowances = Allowances(world.prices, world.budgets, world.ledger, world.clock)
    budget = Budget(max_micro_units=1)
    today = world.clock.now().date()
    await world.ledger.record(ACME, today, ConnectionId("x"), Spent(0, 999_999))
    await allowances.check(ACME, budget)
    await world.ledger.record(ACME, today, ConnectionId("x"), Spent(0, 1_000_000))
    with pytest.raises(Exhausted) as refused:
        await allowances.check(ACME, budget)
    assert refused.value.metadata == {"limit": "tenant_cost"}
    await allowances.check(ACME, Budget(max_micro_units=2))
    await world.clock.advance(refused.value.retry_after_s - 1)
    with pytest.raises(Exhausted):
        await allowances.check(ACME, budget)
    await world.clock.advance(1)
    await allowances.check(ACME, budget)


async def test_a_retry_gets_its_call_whatever_its_tenant_has_spent_since(world: World) -> None:
    world.budgets.default = Budget(max_tokens=100)
    async with desk_over(world) as desk:
        made = await desk.reception.create(request(request_id="r1"))
        today = world.clock.now().date()
        await world.ledger.record(ACME, today, ConnectionId("x"), Spent(100, 0))
        again = await desk.reception.create(request(request_id="r1"))
        assert again.view.connection_id == made.view.connection_id
        with pytest.raises(Exhausted):
            await desk.reception.create(request(request_id="r2"))
        # Who was refused may ask again under the same id.
        with pytest.raises(Exhausted):
            await desk.reception.create(request(request_id="r2"))


async def test_a_budget_comes_too_late_for_a_call_that_has_begun(world: World) -> None:
    async with desk_over(world) as desk:
        made = await desk.reception.create(request())
        with pytest.raises(InvalidRequest) as refused:
            await desk.reception.join(
                request(budget=Budget(max_tokens=1)), made.view.spec.room_name
            )
        assert [one.field for one in refused.value.violations] == ["budget"]
