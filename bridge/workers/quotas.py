"""Who has how many calls, and began how many in the last minute."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bridge.ids import ConnectionId
from bridge.ports.clock import Clock
from bridge.ports.placement import OverQuota, Quota

_MINUTE_S: Final = 60.0

_Holder = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Begun:
    at_s: float
    connection_id: ConnectionId
    holders: tuple[_Holder, ...]


class QuotaBook:
    """Counts calls under everybody who answers for them. Exact: nothing here waits for anything."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._holders: dict[ConnectionId, tuple[_Holder, ...]] = {}
        self._held: defaultdict[_Holder, set[ConnectionId]] = defaultdict(set)
        # Of the last minute alone, the oldest first; the second by who began them.
        self._begun: deque[_Begun] = deque()
        self._begun_at_s: defaultdict[_Holder, deque[float]] = defaultdict(deque)

    def excess(self, quotas: Sequence[Quota]) -> OverQuota | None:
        """Return what one more call would be too much for; None: for nothing."""
        now_s = self._clock.monotonic_s()
        self._forget_until(now_s - _MINUTE_S)
        for quota in quotas:
            holder = (quota.kind, quota.holder)
            if quota.calls is not None and len(self._held.get(holder, ())) >= quota.calls:
                return OverQuota(f"calls_per_{quota.kind}", quota.calls)
            most, begun_at_s = quota.creations_per_minute, self._begun_at_s.get(holder, ())
            if most is not None and len(begun_at_s) >= most:
                # When so many are a minute ago that one more finds room.
                free_at_s = (begun_at_s[-most] if most else now_s) + _MINUTE_S
                limit = f"creations_per_minute_per_{quota.kind}"
                return OverQuota(limit, most, free_at_s - now_s)
        return None

    def take(self, connection_id: ConnectionId, quotas: Sequence[Quota]) -> None:
        """Count a call that begins now."""
        holders = tuple((quota.kind, quota.holder) for quota in quotas)
        begun = _Begun(self._clock.monotonic_s(), connection_id, holders)
        self._begun.append(begun)
        for holder in holders:
            self._begun_at_s[holder].append(begun.at_s)
        self._holders[connection_id] = holders
        self.hold(connection_id)

    def hold(self, connection_id: ConnectionId) -> None:
        """Count a call as held, which may have lapsed and lives after all."""
        for holder in self._holders.get(connection_id, ()):
            self._held[holder].add(connection_id)

    def lapse(self, connection_id: ConnectionId) -> None:
        """Count a call as held no more, unless it turns out to live."""
        for holder in self._holders.get(connection_id, ()):
            held = self._held[holder]
            held.discard(connection_id)
            if not held:
                del self._held[holder]

    def give_back(self, connection_id: ConnectionId, *, never_began: bool) -> None:
        """Count a call no more; one that never began is none of the last minute's either."""
        self.lapse(connection_id)
        self._holders.pop(connection_id, None)
        if never_began:
            for begun in [one for one in self._begun if one.connection_id == connection_id]:
                self._begun.remove(begun)
                self._forget(begun)

    def _forget_until(self, at_s: float) -> None:
        while self._begun and self._begun[0].at_s <= at_s:
            self._forget(self._begun.popleft())

    def _forget(self, begun: _Begun) -> None:
        for holder in begun.holders:
            begun_at_s = self._begun_at_s[holder]
            begun_at_s.remove(begun.at_s)
            if not begun_at_s:
                del self._begun_at_s[holder]
