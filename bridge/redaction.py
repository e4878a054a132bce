"""What may be written into a log: a second line of defence behind not logging secrets at all."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Final

REDACTED: Final = "[redacted]"
# A key with one of these words in its name never shows a text: api_key, userText, speech.audio.
SENSITIVE_WORDS: Final = frozenset(
    {
        *("apikey", "authorization", "cookie", "credential", "credentials", "headers", "jwt"),
        *("key", "passphrase", "password", "secret", "secrets", "signature", "token", "tokens"),
        *("greeting", "instruction", "instructions", "prompt", "prompts", "say", "text", "texts"),
        *("transcript", "transcripts", "transcription", "utterance", "words"),
        *("audio", "body", "chunk", "content", "delta", "frame", "payload", "pcm", "sound"),
    }
)
# No field that is meant to be logged is longer; a prompt under an innocent name is.
_MAX_TEXT_CHARS: Final = 500
_MAX_DEPTH: Final = 4
_MAX_ITEMS: Final = 50

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_FORMS: Final = re.compile(
    r"""
    (bearer\s+ | (?:access_token|client_secret|api_key|key|token)=)[^\s&"',]+
    | (://)[^\s/@:]+:[^\s/@]+(?=@)      # user and password in a URL
    | eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*  # a JSON Web Token
    | \b(?:sk|ek|rk)[-_][\w-]{8,}      # a key of OpenAI, an ephemeral one too
    | \bmbk_[\w-]{8,}                  # a key of ours
    """,
    re.VERBOSE | re.IGNORECASE,
)


def is_sensitive(key: str) -> bool:
    """Tell whether a field of this name is for nobody's eyes; `monkey` is not, `apiKey` is."""
    return any(word.lower() in SENSITIVE_WORDS for word in _WORD.findall(key))


def scrub(text: str) -> str:
    """Return `text` without what has the form of a token, a key or a password."""
    return _SECRET_FORMS.sub(lambda form: f"{form[1] or form[2] or ''}{REDACTED}", text)


def scrub_lines(text: str) -> str:
    """Scrub a traceback, and cut its lines where an exception's message is long."""
    return "\n".join(_short(line) for line in scrub(text).split("\n"))


def redact(key: str, value: object, depth: int = 0) -> object:
    """Return what may be shown of a field. Numbers are shown under any name: input_tokens=31.

    Objects whose contents are unknown are shown by the name of their type alone.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if is_sensitive(key):
        return REDACTED
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, str | PurePath | date | timedelta):
        return _short(scrub(str(value)))
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {_short(scrub(str(value)))}"
    if depth < _MAX_DEPTH and (parts := _parts(key, value, depth + 1)) is not None:
        return parts
    return f"<{type(value).__name__}>"


def _parts(key: str, value: object, depth: int) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        pairs = list(value.items())[:_MAX_ITEMS]
        return {_short(scrub(str(name))): redact(str(name), item, depth) for name, item in pairs}
    if isinstance(value, Sequence | AbstractSet) and not isinstance(
        value, bytes | bytearray | memoryview
    ):
        return [redact(key, item, depth) for item in list(value)[:_MAX_ITEMS]]
    return None


def _short(text: str) -> str:
    if len(text) <= _MAX_TEXT_CHARS:
        return text
    return f"{text[:_MAX_TEXT_CHARS]}... ({len(text)} characters)"
