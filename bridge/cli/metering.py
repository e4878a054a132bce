"""How are metrics put together: what is counted, looked at, sampled, and where it can be read?"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bridge.api.scopes import SCOPE_OF
from bridge.calls.front.merging import merged
from bridge.calls.lag import LoopLag
from bridge.cli.carriers import Carriers
from bridge.logs import get_logger
from bridge.messages.convert import telemetry
from bridge.observe.call_metrics import CallMetrics
from bridge.observe.exposition import exposing
from bridge.observe.host_metrics import Fleet, HostMetrics, Process
from bridge.observe.metrics import Metrics
from bridge.observe.rpc_metrics import RpcMetrics
from bridge.ports.clock import Clock
from bridge.ports.host import Host, HostId
from bridge.ports.store import StoreStatus
from bridge.tracebacks import frames_of
from bridge.workers.life import WorkerLife

_log = get_logger(__name__)

# Each sample costs a question to LiveKit's client for every call; Prometheus asks every 15 s or so.
_SAMPLE_S: Final = 5.0
_RETRY_S: Final = 5.0


class Metering:
    """Counts, and shows what was counted at an address."""

    def __init__(self, address: str, clock: Clock, version: str) -> None:
        self._address = address
        self._clock = clock
        self._lag = LoopLag(clock)
        self._metrics = Metrics(version)
        self._hosts = HostMetrics(self._metrics)
        self.calls = CallMetrics(self._metrics)
        self.rpcs = RpcMetrics(self._metrics, SCOPE_OF)

    @asynccontextmanager
    async def shown(
        self, carriers: Carriers | None, store: Callable[[], StoreStatus] | None
    ) -> AsyncIterator[None]:
        """Show what is counted for as long as the context lasts; None: no calls are carried.

        :raises MetricsListenError: the address is taken, or none of this machine's.
        """

        def refresh() -> None:
            self.calls.refresh()
            self._look_at(carriers)
            if store is not None:
                self._look_at_store(store())

        hosts: Mapping[HostId, Host] = {} if carriers is None else carriers.hosts
        async with (
            exposing(self._address, self._metrics.registry, refresh),
            asyncio.TaskGroup() as group,
        ):
            tasks = [
                group.create_task(self._lag.run(), name="loop lag"),
                group.create_task(self._sample(hosts), name="samples"),
            ]
            yield
            for task in tasks:
                task.cancel()

    async def _sample(self, hosts: Mapping[HostId, Host]) -> None:
        """Take what calls measure of themselves, until cancelled."""
        while True:
            try:
                async for figures in merged(hosts, None, _SAMPLE_S, self._clock):
                    self.calls.on_telemetry(telemetry(each) for each in figures)
            except Exception as error:  # noqa: BLE001 - calls go on whether or not they are counted
                _log.error("calls not sampled", error=type(error).__name__, frames=frames_of(error))
                await self._clock.sleep(_RETRY_S)

    def _look_at_store(self, store: StoreStatus) -> None:
        self._metrics.store_stuck.set(store.stuck_since is not None)
        self._metrics.store_waiting.labels("event").set(store.events_waiting)
        self._metrics.store_waiting.labels("end").set(store.ends_waiting)

    def _look_at(self, carriers: Carriers | None) -> None:
        processes: Sequence[Process] = ()
        fleet = Fleet()
        if carriers is not None:
            lives = {} if carriers.fleet is None else carriers.fleet.lives
            processes = [
                _process(host_id, host, lives.get(host_id))
                for host_id, host in carriers.hosts.items()
            ]
            if carriers.fleet is not None:
                counters = carriers.fleet.counters
                fleet = Fleet(counters.started, counters.lost)
        self._hosts.refresh(processes, fleet, self._lag.worst_s())


def _process(host_id: HostId, host: Host, life: WorkerLife | None) -> Process:
    if life is None:
        return Process(host_id, host.status())
    return Process(host_id, host.status(), life.load, life.memory_bytes)
