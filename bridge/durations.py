"""How people write spans of time ("400ms", "30s", "5m", "1h"), and how long a call's may be."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

# As in the comments of proto/bridge/v1/call.proto (CallLimits).
JOIN_TIMEOUT_RANGE_S: Final = (1.0, 3_600.0)
SILENCE_STEP_RANGE_S: Final = (1.0, 3_600.0)
MAX_DURATION_RANGE_S: Final = (1.0, 86_400.0)
REJOIN_GRACE_RANGE_S: Final = (0.0, 600.0)
# As in proto/bridge/v1/call_service.proto (CreateRoomRequest).
TOKEN_TTL_RANGE_S: Final = (30.0, 86_400.0)
# As in proto/bridge/v1/agent.proto (Tool).
TOOL_TIMEOUT_RANGE_S: Final = (1.0, 600.0)
FILLER_AFTER_RANGE_S: Final = (0.1, 60.0)
# As in proto/bridge/v1/agent.proto (InterruptionRules, Greeting).
MIN_SPEECH_RANGE_S: Final = (0.0, 5.0)
RESUME_AFTER_RANGE_S: Final = (0.2, 10.0)
ECHO_GUARD_RANGE_S: Final = (0.0, 10.0)
GREETING_DELAY_RANGE_S: Final = (0.0, 10.0)

_Span = TypeVar("_Span", int, float)
_LIMIT_S: Final = 1e12
_WRITTEN: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?(ms|[smh])?")
_UNIT_S: Final = {None: 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600}


def parse_duration_s(written: object) -> float:
    """Return seconds.

    :raises ValueError: it is not a span of time; the message says how to write one.
    """
    if isinstance(written, int | float) and not isinstance(written, bool):
        if 0 <= written < _LIMIT_S:
            return float(written)
    elif isinstance(written, str) and (found := _WRITTEN.fullmatch(written.strip())):
        return float(found[1]) * _UNIT_S[found[2]]
    raise ValueError('must be a span of time such as 30, "30s", "5m" or "1h"')


def write_duration(seconds: float) -> str:
    """Return the shortest spelling that `parse_duration_s` reads back."""
    for unit in ("h", "m"):
        if seconds and seconds % _UNIT_S[unit] == 0:
            return f"{seconds // _UNIT_S[unit]:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def within(range_s: tuple[float, float]) -> Callable[[_Span], _Span]:
    """Return a check for both ends of a range, included.

    :raises ValueError: by the check; the message names both ends.
    """
    low, high = range_s

    def check(seconds: _Span) -> _Span:
        if not low <= seconds <= high:
            raise ValueError(f"must be from {write_duration(low)} to {write_duration(high)}")
        return seconds

    return check


def zero_or(range_s: tuple[float, float]) -> Callable[[_Span], _Span]:
    """Return a check that also lets 0 pass: there it means off.

    :raises ValueError: by the check; the message names both ends.
    """
    inside = within(range_s)

    def check(seconds: _Span) -> _Span:
        return seconds if seconds == 0 else inside(seconds)

    return check
