"""Which streams are open, for whom: how many each may have, and what cuts them short."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final

from bridge.access.access import Access
from bridge.access.principal import Principal
from bridge.errors import Exhausted, Unauthenticated
from bridge.ports.clock import Clock

_RETRY_S: Final = 5.0


class OpenStreams:
    """Streams outlive the moment in which their credentials were looked at; these do not."""

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._open: dict[asyncio.Timeout, Principal] = {}
        self._count: Counter[tuple[str, str]] = Counter()

    @asynccontextmanager
    async def hold(self, principal: Principal) -> AsyncIterator[None]:
        """Count a stream for as long as the context lasts.

        :raises Exhausted: its principal, or its tenant, has as many as it may have.
        :raises Unauthenticated: its credentials have expired, or were revoked, in the meantime.
        """
        places = self._places(principal)
        for (limit, holder), most in places.items():
            if most is not None and self._count[limit, holder] >= most:
                raise Exhausted(
                    "LIMIT_REACHED",
                    f"{most} streams are open, which is the most",
                    _RETRY_S,
                    {"limit": limit, "most": str(most)},
                )
        self._count.update(places.keys())
        leash = asyncio.timeout(None)
        try:
            async with leash, self._until_expiry(principal):
                self._open[leash] = principal
                try:
                    yield
                finally:
                    del self._open[leash]
        except TimeoutError:
            if leash.expired() or self._has_expired(principal):
                raise _lapsed() from None
            raise
        finally:
            self._count -= Counter(places.keys())  # and forget whoever has none left

    def end_those_not_current(self) -> None:
        """End the streams of keys that were revoked, or changed."""
        now_s = asyncio.get_running_loop().time()
        for leash, principal in self._open.items():
            if not self._access.is_current(principal):
                leash.reschedule(now_s)

    def _places(self, principal: Principal) -> Mapping[tuple[str, str], int | None]:
        """Return what a stream is counted under, and how many there may be."""
        places = {("streams_per_key", principal.credential): principal.limits.streams}
        if principal.tenant_id is not None:
            limits = self._access.tenant_limits(principal.tenant_id)
            places["streams_per_tenant", principal.tenant_id] = limits.streams
        return places

    def _until_expiry(self, principal: Principal) -> AbstractAsyncContextManager[object]:
        if principal.expires_at is None:
            return nullcontext()
        left = principal.expires_at - self._clock.now()
        return self._clock.timeout(max(0.0, left.total_seconds()))

    def _has_expired(self, principal: Principal) -> bool:
        return principal.expires_at is not None and principal.expires_at <= self._clock.now()


def _lapsed() -> Unauthenticated:
    return Unauthenticated("CREDENTIALS_LAPSED", "these credentials are no longer valid")
