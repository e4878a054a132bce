"""What happens when a call's time is up, and who is told before?"""

from typing import Final

from bridge.calls.deadlines import Deadlines, Limit
from bridge.calls.ending import Farewell, Verdict
from bridge.calls.record import CallRecord
from bridge.calls.stay import Stay
from bridge.ports.budget import LimitKind
from bridge.ports.call import CallLimits
from bridge.ports.clock import Clock
from bridge.ports.event import LimitNear

# Watchers are told so long before a call's time is up, but not before half of it is over.
_WARN_S: Final = 60.0


class TimeLimits:
    """Ends a call by the first of its limits that passes. One task runs `keep`, another `warn`."""

    def __init__(
        self,
        limits: CallLimits,
        deadlines: Deadlines,
        *,
        stay: Stay,
        verdict: Verdict,
        record: CallRecord,
        clock: Clock,
    ) -> None:
        self._limits = limits
        self._deadlines = deadlines
        self._stay = stay
        self._verdict = verdict
        self._record = record
        self._clock = clock

    async def keep(self) -> None:
        """Wait until a limit passes, and end the call for it."""
        limit = await self._deadlines.next_passed()
        notice = self._limits.time_exceeded_text if limit is Limit.DURATION else None
        farewell = None if notice is None else Farewell(notice)
        self._verdict.reach(self._stay.ending_of(limit), farewell=farewell)

    async def warn(self) -> None:
        """Tell the watchers when the longest a call may last is nearly over."""
        await self._stay.somebody_came.wait()
        longest_s = self._limits.max_duration_s
        warning_s = min(_WARN_S, longest_s / 2)
        await self._clock.sleep(longest_s - warning_s)
        self._record.tell(LimitNear(LimitKind.DURATION, 1 - warning_s / longest_s, warning_s))
