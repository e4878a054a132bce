"""What may a call spend, at which prices, and may it begin at all?"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from bridge.calls.spending import used_up
from bridge.errors import Exhausted, WrongState
from bridge.ids import TenantId
from bridge.ports.agent import ResolvedAgent
from bridge.ports.budget import Budget, TenantBudgets, TenantLedger
from bridge.ports.clock import Clock
from bridge.ports.model_config import ModelConfig
from bridge.ports.money import CallPrices, PriceList


@dataclass(frozen=True, slots=True)
class Allowance:
    """What holds for one call from its beginning to its end."""

    prices: CallPrices | None
    budget: Budget
    tenant_budget: Budget


class Allowances:
    """Gives calls their prices and budgets, and refuses those whose tenants have spent theirs."""

    def __init__(
        self, prices: PriceList, budgets: TenantBudgets, ledger: TenantLedger, clock: Clock
    ) -> None:
        self._prices = prices
        self._budgets = budgets
        self._ledger = ledger
        self._clock = clock

    def of(self, agent: ResolvedAgent, tenant_id: TenantId, asked: Budget) -> Allowance:
        """
        :raises WrongState: a budget limits money, but nobody knows what the call costs.
        """
        model = agent.model
        allowance = Allowance(
            prices=self._prices.of(model.model, model.transcription_model),
            budget=agent.budget.within(asked),
            tenant_budget=self._budgets.of(tenant_id),
        )
        limits = (allowance.budget.max_micro_units, allowance.tenant_budget.max_micro_units)
        if allowance.prices is None and limits != (None, None):
            raise _without_price(model)
        return allowance

    async def check(self, tenant_id: TenantId, budget: Budget) -> None:
        """
        :raises Exhausted: a limit of the tenant's day is used up; it names the limit.
        """
        if not budget:
            return
        now = self._clock.now()
        limit = used_up(budget, await self._ledger.spent(tenant_id, now.date()))
        if limit is not None:
            raise Exhausted(
                "BUDGET_EXCEEDED",
                f"the budget of the day (UTC) is used up: {limit.value}",
                _until_tomorrow_s(now),
                {"limit": limit.value},
            )


def _without_price(model: ModelConfig) -> WrongState:
    return WrongState(
        "MODEL_WITHOUT_PRICE",
        "a budget limits money, but not every model of the call has a price",
        {"model": model.model, "transcription_model": model.transcription_model or ""},
    )


def _until_tomorrow_s(now: datetime) -> float:
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return (midnight - now).total_seconds()
