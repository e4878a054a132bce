"""TelemetryService: how calls, and the server, are doing."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import grpc

from bridge.api import requests
from bridge.api.asker import about, asker
from bridge.calls.front.registry import Registry
from bridge.messages import convert
from bridge.messages.times import duration, timestamp
from bridge.ports.clock import Clock
from bridge.ports.host import HostStatus
from bridge.ports.placement import Totals
from bridge.ports.store import StoreStatus
from bridge.v1 import telemetry_service_pb2 as pb
from bridge.v1 import telemetry_service_pb2_grpc

NAME: Final = "bridge.v1.TelemetryService"

Context = grpc.aio.ServicerContext[Any, Any]


class TelemetryService(telemetry_service_pb2_grpc.TelemetryServiceServicer):
    """Converts what the registry measures."""

    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        version: str,
        store: Callable[[], StoreStatus] | None = None,
    ) -> None:
        """
        :param store: tells how the store is doing; None: there is none beyond memory.
        """
        self._registry = registry
        self._clock = clock
        self._version = version
        self._store = store
        self._started_at = clock.now()

    async def StreamTelemetry(
        self, request: pb.StreamTelemetryRequest, _context: Context
    ) -> AsyncIterator[pb.StreamTelemetryResponse]:
        connection_id, tenant_id, interval_s = requests.telemetry(request)
        if connection_id is not None:
            about(connection_id)
        tell_lag = asker().tenant_id is None
        async for figures in await self._registry.telemetry(connection_id, tenant_id, interval_s):
            samples = [convert.telemetry(each) for each in figures]
            if not tell_lag:
                for sample in samples:
                    sample.ClearField("loop_lag")
            yield pb.StreamTelemetryResponse(samples=samples)

    async def GetStats(
        self, _request: pb.GetStatsRequest, _context: Context
    ) -> pb.GetStatsResponse:
        hosts = self._registry.statuses()
        tenant_id = asker().tenant_id
        lag_s = max((host.loop_lag_s for host in hosts), default=0.0)
        response = pb.GetStatsResponse(
            timestamp=timestamp(self._clock.now()),
            slots_total=sum(host.slots_total for host in hosts),
            slots_free=await self._registry.slots_free(tenant_id),
            draining=any(host.draining for host in hosts),
            start_time=timestamp(self._started_at),
            version=self._version,
            calls_refused=self._registry.refused(tenant_id),
            loop_lag=duration(lag_s) if tenant_id is None else None,
        )
        if tenant_id is None:
            _count_all(response, hosts)
            response.store.CopyFrom(stored(self._store and self._store()))
        else:
            _count(response, await self._registry.totals(tenant_id))
        return response


def stored(status: StoreStatus | None) -> pb.StoreStats:
    """Say how the store is doing; None: there is none beyond memory."""
    if status is None:
        return pb.StoreStats(backend=pb.STORE_BACKEND_MEMORY, taking=True)
    return pb.StoreStats(
        backend=pb.StoreBackend.Value(f"STORE_BACKEND_{status.backend.name}"),
        taking=status.stuck_since is None,
        stuck_since=timestamp(status.stuck_since),
        events_waiting=status.events_waiting,
        ends_waiting=status.ends_waiting,
        events_lost=status.events_lost,
    )


def _count_all(response: pb.GetStatsResponse, hosts: Sequence[HostStatus]) -> None:
    # One call has one room: the two counts differ only where a host is not this bridge's.
    active = sum(host.slots_total - host.slots_free for host in hosts)
    response.active_rooms = response.active_connections = active
    response.calls_created = sum(host.calls_created for host in hosts)
    response.calls_refused += sum(host.calls_refused for host in hosts)
    for host in hosts:
        for reason, count in host.calls_ended.items():
            response.calls_ended[f"END_REASON_{reason.name}"] += count


def _count(response: pb.GetStatsResponse, totals: Totals) -> None:
    response.active_rooms = response.active_connections = totals.live
    response.calls_created = totals.created
    for reason, count in totals.ended.items():
        response.calls_ended[f"END_REASON_{reason.name}"] = count
