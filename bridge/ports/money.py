"""What calls cost: prices, amounts, and where prices come from.

All arithmetic is on integers. A price is in micro-units of its currency for a million tokens, so
that a token costs as many picos (millionths of a micro-unit), and nothing is rounded before it is
shown.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from bridge.ports.usage import TokenCounts, TranscriptionUsage

PICOS_PER_MICRO: Final = 1_000_000
_MS_PER_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount, rounded to the nearest micro-unit, half a one up."""

    micro_units: int
    """Millionths of the currency's unit."""
    currency: str
    price_version: str
    transcription_micro_units: int = 0
    """Part of it: what writing down the callers' words cost."""


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """Micro-units for a million tokens of each kind."""

    input_text: int
    input_audio: int
    input_image: int
    cached_text: int
    cached_audio: int
    cached_image: int
    output_text: int
    output_audio: int

    def picos(self, tokens: TokenCounts) -> int:
        return (
            _input_picos(tokens.input_text, tokens.cached_text, self.input_text, self.cached_text)
            + _input_picos(
                tokens.input_audio, tokens.cached_audio, self.input_audio, self.cached_audio
            )
            + _input_picos(
                tokens.input_image, tokens.cached_image, self.input_image, self.cached_image
            )
            + tokens.output_text * self.output_text
            + tokens.output_audio * self.output_audio
        )


@dataclass(frozen=True, slots=True)
class TranscriptionPrices:
    """Micro-units for a million tokens of each kind, or for a minute of sound."""

    input_text: int = 0
    input_audio: int = 0
    output_text: int = 0
    minute: int = 0

    def picos(self, usage: TranscriptionUsage) -> int:
        return (
            usage.input_text * self.input_text
            + usage.input_audio * self.input_audio
            + usage.output_text * self.output_text
            + _rounded(usage.audio_ms * self.minute * PICOS_PER_MICRO, _MS_PER_MINUTE)
        )


@dataclass(frozen=True, slots=True)
class CallPrices:
    """What is charged in one call, from its beginning to its end."""

    currency: str
    version: str
    model: TokenPrices
    transcription: TranscriptionPrices | None = None
    """None: nothing is transcribed."""

    def picos(self, tokens: TokenCounts, transcription: TranscriptionUsage | None = None) -> int:
        """Return the exact cost."""
        return self.model.picos(tokens) + self._transcription_picos(transcription)

    def cost(self, tokens: TokenCounts, transcription: TranscriptionUsage | None = None) -> Cost:
        return Cost(
            micro_units=micro_units(self.picos(tokens, transcription)),
            currency=self.currency,
            price_version=self.version,
            transcription_micro_units=micro_units(self._transcription_picos(transcription)),
        )

    def _transcription_picos(self, usage: TranscriptionUsage | None) -> int:
        if usage is None or self.transcription is None:
            return 0
        return self.transcription.picos(usage)


class PriceList(Protocol):
    """What models cost now."""

    def of(self, model: str, transcription_model: str | None) -> CallPrices | None:
        """Return a call's prices; None where any model that it uses has none."""
        ...


def micro_units(picos: int) -> int:
    """Return the nearest number of micro-units; half a one counts as one."""
    return _rounded(picos, PICOS_PER_MICRO)


def _rounded(amount: int, divisor: int) -> int:
    return (2 * amount + divisor) // (2 * divisor)


def _input_picos(tokens: int, cached: int, price: int, cached_price: int) -> int:
    # A count of cached tokens that exceeds the whole must not make an amount negative.
    cached = min(cached, tokens)
    return (tokens - cached) * price + cached * cached_price
