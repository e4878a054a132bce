"""Prices and budgets as a test sets them."""

from bridge.ids import TenantId
from bridge.ports.budget import Budget
from bridge.ports.money import CallPrices, TokenPrices, TranscriptionPrices

PRICES = CallPrices(
    currency="USD",
    version="v1",
    model=TokenPrices(
        input_text=4_000_000,
        input_audio=32_000_000,
        input_image=5_000_000,
        cached_text=400_000,
        cached_audio=400_000,
        cached_image=500_000,
        output_text=24_000_000,
        output_audio=64_000_000,
    ),
    transcription=TranscriptionPrices(minute=17_000),
)


class FixedPrices:
    """A `PriceList` that asks the same of every model; None: no model has a price."""

    def __init__(self, prices: CallPrices | None = None) -> None:
        self.prices = prices

    def of(self, model: str, transcription_model: str | None) -> CallPrices | None:
        assert model != transcription_model
        return self.prices


class FixedBudgets:
    """`TenantBudgets` that give every tenant the same, or what it has of its own."""

    def __init__(self, default: Budget | None = None) -> None:
        self.default = default or Budget()
        self.tenants: dict[TenantId, Budget] = {}

    def of(self, tenant_id: TenantId) -> Budget:
        return self.tenants.get(tenant_id, self.default)
