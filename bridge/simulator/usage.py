"""What things cost in tokens, at the rates the real service is known to count."""

import math
from collections.abc import Iterable
from typing import Final

from bridge.simulator.conversation import Item
from bridge.simulator.wire import JsonObject

CHARS_PER_TOKEN: Final = 4
# The service counts ten tokens for a second it hears, twenty for a second it speaks.
_HEARD_MS_PER_TOKEN: Final = 100
SPOKEN_MS_PER_TOKEN: Final = 50


def text_tokens(text: str) -> int:
    """Return about how many tokens `text` is."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def heard_tokens(audio_ms: float) -> int:
    """Return how many tokens the caller's audio is."""
    return math.ceil(audio_ms / _HEARD_MS_PER_TOKEN)


def spoken_tokens(audio_ms: float) -> int:
    """Return how many tokens the model's audio is."""
    return math.ceil(audio_ms / SPOKEN_MS_PER_TOKEN)


def transcription_usage(transcript: str, audio_ms: float) -> JsonObject:
    """Return the usage of transcribing one turn."""
    heard, written = heard_tokens(audio_ms), text_tokens(transcript)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "output_tokens": written,
        "total_tokens": heard + written,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
    }


class Meter:
    """Counts one session's tokens; what an earlier response read counts as cached."""

    def __init__(self) -> None:
        self._cached_text = 0
        self._cached_audio = 0

    def response_usage(
        self, instructions: str, context: Iterable[Item], output: Iterable[Item]
    ) -> JsonObject:
        """Return the `usage` of a response that read `context` and produced `output`."""
        read_text, read_audio = text_tokens(instructions), 0
        for item in context:
            read_text += text_tokens(item.text)
            tokens = spoken_tokens if item.is_answer else heard_tokens
            read_audio += tokens(item.audio_ms)
        cached_text = min(self._cached_text, read_text)
        cached_audio = min(self._cached_audio, read_audio)
        self._cached_text, self._cached_audio = read_text, read_audio
        produced = list(output)
        said_text = sum(text_tokens(item.text) for item in produced)
        said_audio = sum(spoken_tokens(item.audio_ms) for item in produced)
        return {
            "total_tokens": read_text + read_audio + said_text + said_audio,
            "input_tokens": read_text + read_audio,
            "output_tokens": said_text + said_audio,
            "input_token_details": {
                "text_tokens": read_text,
                "audio_tokens": read_audio,
                "image_tokens": 0,
                "cached_tokens": cached_text + cached_audio,
                "cached_tokens_details": {
                    "text_tokens": cached_text,
                    "audio_tokens": cached_audio,
                    "image_tokens": 0,
                },
            },
            "output_token_details": {"text_tokens": said_text, "audio_tokens": said_audio},
        }
