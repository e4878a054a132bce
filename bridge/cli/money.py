"""Which files about money does a server keep an eye on?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bridge.files.checked import BadFile
from bridge.files.watched import WatchedFile
from bridge.money.budgets import BudgetTable, FileBudgets, read_budgets
from bridge.money.prices import FilePrices, PriceTable, read_prices
from bridge.ports.budget import TenantBudgets
from bridge.ports.money import PriceList
from bridge.settings import Settings, SettingsError

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Money:
    """What models cost, what tenants may spend, and the files that say so."""

    prices: PriceList
    budgets: TenantBudgets
    files: Sequence[WatchedFile[Any]]
    """To be watched."""


def money_of(settings: Settings) -> Money:
    """Read the files that the settings name.

    :raises SettingsError: one of them cannot be used.
    """
    prices = _read("MEDIABRIDGE_PRICES", settings.prices, read_prices)
    budgets = _read("MEDIABRIDGE_BUDGETS", settings.budgets, read_budgets)
    return Money(
        prices=FilePrices(prices) if prices else PriceTable(),
        budgets=FileBudgets(budgets) if budgets else BudgetTable(),
        files=[file for file in (prices, budgets) if file is not None],
    )


def _read(
    variable: str, path: Path | None, parse: Callable[[str, bytes], _Read]
) -> WatchedFile[_Read] | None:
    if path is None:
        return None
    try:
        return WatchedFile(path, parse)
    except BadFile as bad:
        raise SettingsError({variable: str(bad)}) from None
