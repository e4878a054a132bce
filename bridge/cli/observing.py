"""Who looks on at a server? Nobody, unless its settings name a place for metrics or traces."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

from bridge.cli.carriers import Carriers
from bridge.cli.extras import needs_extra
from bridge.cli.metering import Metering
from bridge.ids import ConnectionId
from bridge.observe.events import Listener, OverheardEvents
from bridge.ports.clock import Clock
from bridge.ports.rpc import Rpc, RpcObserver
from bridge.ports.store import EventRecords, StoreStatus
from bridge.settings import Settings


@dataclass(frozen=True, slots=True)
class Observation:
    """Those who look on, each at what concerns it."""

    events: tuple[Listener, ...]
    rpcs: tuple[RpcObserver, ...]
    beginnings: tuple[Callable[[ConnectionId], None], ...]
    metering: Metering | None

    def of_events(self, kept: EventRecords) -> EventRecords:
        """Return where events are to be written, so that they are seen on their way."""
        return OverheardEvents(kept, self.events) if self.events else kept

    def of_rpcs(self) -> RpcObserver | None:
        return self._observe_rpc if self.rpcs else None

    def call_begins(self, connection_id: ConnectionId) -> None:
        """Tell of a call before it is heard of, in the task of whoever asks for it."""
        for tell in self.beginnings:
            tell(connection_id)

    @asynccontextmanager
    async def shown(
        self, carriers: Carriers | None, store: Callable[[], StoreStatus] | None
    ) -> AsyncIterator[None]:
        """Let what is counted be read for as long as the context lasts.

        :raises MetricsListenError: the address for that is taken, or none of this machine's.
        """
        if self.metering is None:
            yield
            return
        async with self.metering.shown(carriers, store):
            yield

    @contextmanager
    def _observe_rpc(self, rpc: Rpc) -> Iterator[None]:
        with ExitStack() as stack:
            for observe in self.rpcs:
                stack.enter_context(observe(rpc))
            yield


@asynccontextmanager
async def observing(settings: Settings, clock: Clock, version: str) -> AsyncIterator[Observation]:
    """Look on for as long as the context lasts; what is still to be told is told on leaving."""
    metering = None
    if settings.metrics_listen is not None:
        metering = Metering(settings.metrics_listen, clock, version)
    events: tuple[Listener, ...] = () if metering is None else (metering.calls.on_event,)
    rpcs: tuple[RpcObserver, ...] = () if metering is None else (metering.rpcs.observing,)
    if settings.otlp_endpoint is None:
        yield Observation(events, rpcs, (), metering)
        return
    with needs_extra("otel", "MEDIABRIDGE_OTLP_ENDPOINT"):
        from bridge.observe.call_traces import CallTracer  # noqa: PLC0415 - an extra
        from bridge.observe.otlp import exporting  # noqa: PLC0415
        from bridge.observe.rpc_traces import RpcTracer  # noqa: PLC0415
    async with exporting(settings.otlp_endpoint, version, settings.host_id) as provider:
        tracer = provider.get_tracer("mediabridge", version)
        calls = CallTracer(tracer)
        yield Observation(
            (*events, calls.on_event),
            (*rpcs, RpcTracer(tracer).observing),
            (calls.call_begins,),
            metering,
        )
