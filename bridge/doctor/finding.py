"""What a check finds: how it stands, and what to do about it."""

from dataclasses import dataclass
from enum import Enum


class Health(Enum):
    """How something stands."""

    OK = "ok"
    WARNING = "warning"
    """Calls work, but not for long, or not well."""
    FAILED = "failed"
    """Calls do not work."""
    SKIPPED = "skipped"
    """Not set, or of no use until something else is mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check. Never holds a secret."""

    check: str
    health: Health
    detail: str
    advice: str = ""
    """What to do; empty where there is nothing to do."""


def ok(check: str, detail: str) -> Finding:
    return Finding(check, Health.OK, detail)


def warning(check: str, detail: str, advice: str) -> Finding:
    return Finding(check, Health.WARNING, detail, advice)


def failed(check: str, detail: str, advice: str) -> Finding:
    return Finding(check, Health.FAILED, detail, advice)


def skipped(check: str, detail: str) -> Finding:
    return Finding(check, Health.SKIPPED, detail)
