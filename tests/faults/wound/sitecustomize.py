"""Winds the clock of a bridge that finds this on its path: by as much as a file says."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bridge.clock import SystemClock

_FILE = Path(os.environ["WOUND_BY"])


def _now(self: SystemClock) -> datetime:
    del self
    return datetime.now(UTC) + timedelta(seconds=float(_FILE.read_text()))


SystemClock.now = _now  # type: ignore[method-assign]
