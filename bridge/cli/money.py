"""Which files about money does a server keep an eye on?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bridge.files.checked import BadFile
from bridge.files.watched import WatchedFile
from bridge.money.prices import FilePrices, PriceTable, read_prices
from bridge.ports.money import PriceList
from bridge.settings import Settings, SettingsError

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Money:
    """What models cost, and the files that say so."""

    prices: PriceList
    files: Sequence[WatchedFile[Any]]
    """To be watched."""


def money_of(settings: Settings) -> Money:
    """Read the files that the settings name.

    :raises SettingsError: one of them cannot be used.
    """
    if settings.prices is None:
        return Money(PriceTable(), ())
    prices = _read("MEDIABRIDGE_PRICES", settings.prices, read_prices)
    return Money(FilePrices(prices), (prices,))


def _read(variable: str, path: Path, parse: Callable[[str, bytes], _Read]) -> WatchedFile[_Read]:
    try:
        return WatchedFile(path, parse)
    except BadFile as bad:
        raise SettingsError({variable: str(bad)}) from None
