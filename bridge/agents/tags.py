"""Which of an agent's languages answers a request for one: BCP-47 tags."""

import re
from collections.abc import Iterable
from typing import Final

_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,5}")

# English names, for prompts; a language that is not here goes by its tag.
_NAMES: Final = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "ca": "Catalan",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "fa": "Persian",
    "fi": "Finnish",
    "fil": "Filipino",
    "fr": "French",
    "ga": "Irish",
    "gu": "Gujarati",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "is": "Icelandic",
    "it": "Italian",
    "ja": "Japanese",
    "kn": "Kannada",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "ml": "Malayalam",
    "mr": "Marathi",
    "ms": "Malay",
    "nb": "Norwegian",
    "nl": "Dutch",
    "no": "Norwegian",
    "pa": "Punjabi",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sr": "Serbian",
    "sv": "Swedish",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "yue": "Cantonese",
    "zh": "Chinese",
}


def is_tag(tag: str) -> bool:
    return _TAG.fullmatch(tag) is not None


def primary(tag: str) -> str:
    """Return the language alone: es of es-MX."""
    return tag.partition("-")[0].lower()


def choose(wanted: str, spoken: Iterable[str]) -> str | None:
    """Return the same tag, else the plain language, else its first variant, else None."""
    by_tag = {tag.lower(): tag for tag in spoken}
    language = primary(wanted)
    exact = by_tag.get(wanted.lower()) or by_tag.get(language)
    return exact or next((tag for tag in by_tag.values() if primary(tag) == language), None)


def english_name(tag: str) -> str:
    """Return "Spanish" for es, "Spanish (es-MX)" for es-MX, and a tag nobody knows as it is."""
    name = _NAMES.get(primary(tag))
    if name is None:
        return tag
    return name if "-" not in tag else f"{name} ({tag})"
