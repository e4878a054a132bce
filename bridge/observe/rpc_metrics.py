"""What do RPCs say in numbers: how many, how they ended, how long they took, what was refused."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from bridge.errors import Exhausted, Unavailable
from bridge.observe.bounded import OTHER, BoundedLabel
from bridge.observe.metrics import Metrics
from bridge.ports.rpc import BEGIN_CALLS, Rpc

_CODES: Final = ("OK", "INTERNAL")
_SLOTS: Final = "slots"
REFUSALS: Final = (
    *("NO_FREE_SLOT", "LIMIT_REACHED", "BUDGET_EXCEEDED", "SERVER_DRAINING"),
    *("LIVEKIT_UNAVAILABLE", "STORE_UNAVAILABLE", "JWKS_UNAVAILABLE"),
    *("CALL_NOT_STARTED", "HOST_LOST"),
)
"""Why a call is not begun where nothing was wrong with what was asked."""


class RpcMetrics:
    """Counts RPCs. Methods that are not `known` are counted as one: anyone can make up names."""

    def __init__(self, metrics: Metrics, known: Collection[str]) -> None:
        self._metrics = metrics
        self._known = frozenset(known)
        self._reason = BoundedLabel()
        self._limit = BoundedLabel()
        # Nobody sees a counter rise that begins at one.
        for reason in REFUSALS:
            metrics.calls_refused.labels(self._reason(reason))
        metrics.limits_hit.labels(self._limit(_SLOTS))
        for method in self._known:
            for code in _CODES:
                metrics.rpcs.labels(*self._named(method), code)

    @contextmanager
    def observing(self, rpc: Rpc) -> Iterator[None]:
        """Implements RpcObserver."""
        service, method = self._named(rpc.method)
        began_s = time.perf_counter()
        if rpc.is_stream:
            self._metrics.streams_open.labels(method).inc()
        try:
            yield
        finally:
            if rpc.is_stream:
                self._metrics.streams_open.labels(method).dec()
            else:
                took_s = time.perf_counter() - began_s
                self._metrics.rpc_duration.labels(method).observe(took_s)
            self._metrics.rpcs.labels(service, method, rpc.code).inc()
            self._count_refusal(rpc, method)

    def _named(self, method: str) -> tuple[str, str]:
        if method not in self._known:
            return OTHER, OTHER
        service, _, name = method.removeprefix("/").rpartition("/")
        return service, name

    def _count_refusal(self, rpc: Rpc, method: str) -> None:
        refusal = rpc.refusal
        if not isinstance(refusal, Exhausted | Unavailable):
            return
        if method in BEGIN_CALLS:
            self._metrics.calls_refused.labels(self._reason(refusal.reason)).inc()
        if (limit := refusal.metadata.get("limit")) is not None:
            self._metrics.limits_hit.labels(self._limit(limit)).inc()
