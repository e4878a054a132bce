"""Which RPCs are traced? Those that begin calls, and those whose askers trace them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bridge.ports.rpc import BEGIN_CALLS, Rpc

# Nobody we know: they must not fill the traces.
_STRANGER: Final = "UNAUTHENTICATED"
_OURS_TO_MEND: Final = frozenset({"INTERNAL", "UNAVAILABLE", "UNKNOWN"})


class RpcTracer:
    """Continues the traces of whoever asks."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def observing(self, rpc: Rpc) -> Iterator[None]:
        """Implements RpcObserver."""
        service, _, method = rpc.method.removeprefix("/").rpartition("/")
        parent = self._propagator.extract(rpc.trace_context, Context())
        is_continued = trace.get_current_span(parent).get_span_context().is_valid
        if not is_continued and method not in BEGIN_CALLS:
            yield
            return
        span = self._tracer.start_span(
            f"{service}/{method}",
            context=parent,
            kind=SpanKind.SERVER,
            attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method},
        )
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                yield
            finally:
                if rpc.code != _STRANGER:  # a span that does not end is never told
                    span.set_attribute("rpc.grpc.status_code_name", rpc.code)
                    if rpc.refusal is not None:
                        span.set_attribute("mediabridge.reason", rpc.refusal.reason)
                    if rpc.code in _OURS_TO_MEND:
                        span.set_status(Status(StatusCode.ERROR, rpc.code))
                    span.end()
