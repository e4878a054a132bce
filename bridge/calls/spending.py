"""Does a call spend too much? It is warned of first; a budget that is used up proposes the end."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from bridge.calls.ending import Farewell, Verdict
from bridge.calls.record import CallRecord
from bridge.logs import get_logger
from bridge.ports.budget import Budget, LimitKind, SpendingSink, Spent
from bridge.ports.call import CallSpec, CallView, Ending, EndReason
from bridge.ports.clock import Clock
from bridge.ports.event import EventKind, LimitNear, ResponseFinished, Role, Transcript
from bridge.ports.money import PICOS_PER_MICRO

_log = get_logger(__name__)

# What an agent is told whose file leaves the words to it.
_GOODBYE: Final = (
    "Tell the caller in one short sentence that this call has to end now, and say goodbye."
)

# Of a limit: four fifths.
_WARN_AT: Final = (4, 5)
# What a tenant's other calls spend is seen this much later, and how late a ledger that failed is
# asked again.
_LOOK_EVERY_S: Final = 5.0

_DETAIL: Final = {
    LimitKind.CALL_TOKENS: "the call's tokens are used up",
    LimitKind.CALL_COST: "the call's money is used up",
    LimitKind.TENANT_TOKENS: "the tenant's tokens of the day are used up",
    LimitKind.TENANT_COST: "the tenant's money of the day is used up",
}


class Spending:
    """Follows what one call spends, and tells its tenant's ledger."""

    def __init__(
        self,
        spec: CallSpec,
        record: CallRecord,
        verdict: Verdict,
        ledger: SpendingSink,
        clock: Clock,
    ) -> None:
        self._spec = spec
        self._record = record
        self._verdict = verdict
        self._ledger = ledger
        self._clock = clock
        self._news = asyncio.Event()
        self._warned: set[LimitKind] = set()
        self._day = clock.now().date()
        self._before_today = Spent()
        self._told = Spent()
        """Of today, to the ledger."""

    def on(self, kind: EventKind) -> None:
        """Take an event of the call: some cost something. Never waits and never fails."""
        match kind:
            case ResponseFinished() | Transcript(role=Role.USER, final=True):
                self._news.set()
            case _:
                pass

    async def watch(self) -> None:
        """Propose the end once a budget is used up, until cancelled."""
        while True:
            self._news.clear()
            self._judge(self._spec.budget, spent_by(self._record.view()), _OF_CALL)
            try:
                await self._look_at_tenant()
            except Exception as error:  # noqa: BLE001 - whatever it is, the call goes on meanwhile
                _log.warning("spending not told", error=type(error).__name__)
                await self._wait(at_most_s=_LOOK_EVERY_S)
            else:
                await self._wait(at_most_s=_LOOK_EVERY_S if self._spec.tenant_budget else None)

    async def settle(self) -> None:
        """Tell the ledger what it has not been told yet."""
        if self._today() != self._told:
            await self._tell()

    async def _look_at_tenant(self) -> None:
        if self._spec.tenant_budget or self._today() != self._told:
            self._judge(self._spec.tenant_budget, await self._tell(), _OF_TENANT)

    async def _tell(self) -> Spent:
        today = self._today()
        total = await self._ledger.record(
            self._spec.tenant_id, self._day, self._spec.connection_id, today
        )
        self._told = today
        return total

    def _today(self) -> Spent:
        """Return what of the call's spending belongs to this day, in UTC."""
        spent = spent_by(self._record.view())
        day = self._clock.now().date()
        if day != self._day:
            # What was spent up to the last look was yesterday's.
            self._before_today += self._told
            self._day, self._told = day, Spent()
        return spent - self._before_today

    def _judge(self, budget: Budget, spent: Spent, kinds: tuple[LimitKind, LimitKind]) -> None:
        for kind, used, most in _measured(budget, spent, kinds):
            part, whole = _WARN_AT
            if used * whole >= most * part and kind not in self._warned:
                self._warned.add(kind)
                self._record.tell(LimitNear(kind, used / most))
            if used >= most:
                ending = Ending(EndReason.BUDGET_EXCEEDED, _DETAIL[kind])
                self._verdict.reach(ending, farewell=self._farewell())

    def _farewell(self) -> Farewell | None:
        if self._record.view().joined_at is None:
            return None  # nobody is there to hear it
        text = self._spec.agent.budget_exceeded_text
        return Farewell(prompt=_GOODBYE) if text is None else Farewell(text)

    async def _wait(self, at_most_s: float | None) -> None:
        """Wait until something was spent."""
        if at_most_s is None:
            await self._news.wait()
            return
        with suppress(TimeoutError):
            async with self._clock.timeout(at_most_s):
                await self._news.wait()


_OF_CALL: Final = (LimitKind.CALL_TOKENS, LimitKind.CALL_COST)
_OF_TENANT: Final = (LimitKind.TENANT_TOKENS, LimitKind.TENANT_COST)


def spent_by(view: CallView) -> Spent:
    """Return what a call has spent; of money nothing is counted where its price is not known."""
    prices = view.spec.prices
    return Spent(view.usage.total, prices.picos(view.usage, view.transcription) if prices else 0)


def used_up(budget: Budget, spent: Spent) -> LimitKind | None:
    """Return which of a tenant's limits of the day is used up, if any."""
    for kind, used, most in _measured(budget, spent, _OF_TENANT):
        if used >= most:
            return kind
    return None


def _measured(
    budget: Budget, spent: Spent, kinds: tuple[LimitKind, LimitKind]
) -> Iterator[tuple[LimitKind, int, int]]:
    """Yield each limit that there is, how much of it is used, and how much there is."""
    tokens, cost = kinds
    if budget.max_tokens is not None:
        yield tokens, spent.tokens, budget.max_tokens
    if budget.max_micro_units is not None:
        yield cost, spent.picos, budget.max_micro_units * PICOS_PER_MICRO
