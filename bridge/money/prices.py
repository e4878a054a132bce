"""What does the file of prices say? Decimal amounts for people -> exact integers."""

import re
from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bridge.files.checked import Part, check, mapping_in, tree_of
from bridge.files.lines import Line
from bridge.files.watched import WatchedFile
from bridge.logs import get_logger
from bridge.ports.money import CallPrices, TokenPrices, TranscriptionPrices

_log = get_logger(__name__)

_MICRO_UNITS: Final = 1_000_000
# Six digits before the point and six behind it: a float keeps fifteen, so that what is written in
# the file is what is charged.
_LIMIT: Final = 1_000_000
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def _micro_units(price: object) -> int:
    if isinstance(price, bool) or not isinstance(price, int | float):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic collects no TypeError
    if not 0 <= price < _LIMIT:
        raise ValueError(f"must be 0 or more, and below {_LIMIT}")
    amount = Decimal(str(price)) * _MICRO_UNITS
    if amount != amount.to_integral_value():
        raise ValueError("must have at most six digits behind the point")
    return int(amount)


def _currency(text: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise ValueError('must be three capital letters, such as "USD"')
    return text


Price = Annotated[int, BeforeValidator(_micro_units)]


class ModelPart(Part):
    """A realtime model: the price of a million tokens of each kind.

    All must be there but those of cached tokens, which cost as much as others unless they say: a
    price that is not known must not count as none.
    """

    input_text: Price
    input_audio: Price
    input_image: Price
    output_text: Price
    output_audio: Price
    cached_text: Price | None = None
    cached_audio: Price | None = None
    cached_image: Price | None = None

    def prices(self) -> TokenPrices:
        return TokenPrices(
            input_text=self.input_text,
            input_audio=self.input_audio,
            input_image=self.input_image,
            cached_text=_or(self.cached_text, self.input_text),
            cached_audio=_or(self.cached_audio, self.input_audio),
            cached_image=_or(self.cached_image, self.input_image),
            output_text=self.output_text,
            output_audio=self.output_audio,
        )


class TranscriberPart(Part):
    """A model that writes down what is said: by the minute, or by a million tokens."""

    minute: Price | None = None
    input_audio: Price | None = None
    output_text: Price | None = None
    input_text: Price | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_token = (self.input_audio, self.output_text)
        if self.minute is None and None in by_token:
            raise ValueError("must have minute, or input_audio and output_text")
        if self.minute is not None and (*by_token, self.input_text) != (None, None, None):
            raise ValueError("must have minute or prices of tokens, not both")
        return self

    def prices(self) -> TranscriptionPrices:
        return TranscriptionPrices(
            # What is said beside the sound, such as a hint, is text that is read.
            input_text=_or(self.input_text, self.input_audio or 0),
            input_audio=self.input_audio or 0,
            output_text=self.output_text or 0,
            minute=self.minute or 0,
        )


class PriceFile(Part):
    """The file of prices."""

    version: Line
    currency: Annotated[str, AfterValidator(_currency)]
    models: dict[Line, ModelPart] = Field(default_factory=dict)
    transcription: dict[Line, TranscriberPart] = Field(default_factory=dict)


class PriceTable:
    """Implements PriceList with one version of a file, or with none."""

    def __init__(self, file: PriceFile | None = None) -> None:
        self._file = file
        self._missed: set[str] = set()

    def of(self, model: str, transcription_model: str | None) -> CallPrices | None:
        if self._file is None:
            return None
        prices = self._file.models.get(model)
        transcriber = self._file.transcription.get(transcription_model or "")
        if prices is None:
            self._warn(model)
            return None
        if transcription_model is not None and transcriber is None:
            self._warn(transcription_model)
            return None
        return CallPrices(
            currency=self._file.currency,
            version=self._file.version,
            model=prices.prices(),
            transcription=transcriber.prices() if transcriber else None,
        )

    def _warn(self, model: str) -> None:
        if model not in self._missed:
            self._missed.add(model)
            _log.warning("model without a price", model=model)


class FilePrices:
    """Implements PriceList with what a file says now."""

    def __init__(self, file: WatchedFile[PriceTable]) -> None:
        self._file = file

    def of(self, model: str, transcription_model: str | None) -> CallPrices | None:
        return self._file.value.of(model, transcription_model)


def read_prices(file: str, raw: bytes) -> PriceTable:
    """
    :raises BadFile: with every problem that can be told at once.
    """
    tree = tree_of(file, raw)
    mapping_in(file, tree, "version: ..., currency: ..., models: ...")
    return PriceTable(check(file, tree, PriceFile))


def _or(price: int | None, default: int) -> int:
    return default if price is None else price
