"""What does the server say it has counted: tokens, seconds transcribed, how sure it is?"""

import math
from typing import Final

from bridge.model.fields import Fields, count, optional
from bridge.ports.usage import TokenCounts, TranscriptionUsage

# More sound than any session takes: what was transcribed is not known then.
_LONGEST_S: Final = 86_400


def tokens(usage: Fields) -> TokenCounts:
    """Return the tokens of one response; what it does not say counts as none."""
    into, out = optional(usage, "input_token_details"), optional(usage, "output_token_details")
    cached = optional(into, "cached_tokens_details")
    return TokenCounts(
        input_text=count(into, "text_tokens"),
        input_audio=count(into, "audio_tokens"),
        input_image=count(into, "image_tokens"),
        cached_text=count(cached, "text_tokens"),
        cached_audio=count(cached, "audio_tokens"),
        cached_image=count(cached, "image_tokens"),
        output_text=count(out, "text_tokens"),
        output_audio=count(out, "audio_tokens"),
    )


def transcription(usage: Fields) -> TranscriptionUsage:
    """Return what it took to write one turn down: seconds of sound, or tokens."""
    seconds = usage.get("seconds")
    if isinstance(seconds, int | float) and 0 <= seconds <= _LONGEST_S:
        return TranscriptionUsage(audio_ms=round(seconds * 1000))
    details = optional(usage, "input_token_details")
    input_text = count(details, "text_tokens")
    return TranscriptionUsage(
        input_text=input_text,
        # Without details all of them are taken to be sound.
        input_audio=max(count(details, "audio_tokens"), count(usage, "input_tokens") - input_text),
        output_text=count(usage, "output_tokens"),
    )


def confidence(logprobs: object) -> float | None:
    """Return the mean probability of the tokens; None where they have none that can be read."""
    entries = logprobs if isinstance(logprobs, list) else []
    logs = [entry.get("logprob") for entry in entries if isinstance(entry, dict)]
    # A probability above 1 is none, and exp of a large number no float.
    sure = [
        math.exp(min(0.0, log))
        for log in logs
        if isinstance(log, int | float) and not isinstance(log, bool)
    ]
    return sum(sure) / len(sure) if sure else None
