"""Moments as whole microseconds since 1970, in UTC: exact, and in their order."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(us: int) -> datetime:
    """
    :raises OverflowError: no calendar goes so far.
    """
    return _EPOCH + us * _MICROSECOND
