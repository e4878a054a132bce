"""What did a model take for it? Tokens and time, as they are billed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Tokens by modality. `cached` are part of the input counts, billed less."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    cached_image: int = 0
    output_text: int = 0
    output_audio: int = 0

    @property
    def total(self) -> int:
        """Return all that was read and written; what was cached is part of what was read."""
        read = self.input_text + self.input_audio + self.input_image
        return read + self.output_text + self.output_audio

    def __add__(self, other: "TokenCounts") -> "TokenCounts":
        return TokenCounts(
            self.input_text + other.input_text,
            self.input_audio + other.input_audio,
            self.input_image + other.input_image,
            self.cached_text + other.cached_text,
            self.cached_audio + other.cached_audio,
            self.cached_image + other.cached_image,
            self.output_text + other.output_text,
            self.output_audio + other.output_audio,
        )


@dataclass(frozen=True, slots=True)
class TranscriptionUsage:
    """What writing down the user's words took: tokens or time, as its model is billed."""

    input_text: int = 0
    input_audio: int = 0
    output_text: int = 0
    audio_ms: int = 0

    def __add__(self, other: "TranscriptionUsage") -> "TranscriptionUsage":
        return TranscriptionUsage(
            self.input_text + other.input_text,
            self.input_audio + other.input_audio,
            self.output_text + other.output_text,
            self.audio_ms + other.audio_ms,
        )
