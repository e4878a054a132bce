"""TelemetryService: how calls, and the server, are doing."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from bridge.api import requests
from bridge.api.interceptor import about
from bridge.calls.registry import Registry
from bridge.messages import convert
from bridge.messages.times import duration, timestamp
from bridge.ports.clock import Clock
from bridge.v1 import telemetry_service_pb2 as pb
from bridge.v1 import telemetry_service_pb2_grpc

NAME: Final = "bridge.v1.TelemetryService"

Context = grpc.aio.ServicerContext[Any, Any]


class TelemetryService(telemetry_service_pb2_grpc.TelemetryServiceServicer):
    """Converts what the registry measures."""

    def __init__(self, registry: Registry, clock: Clock, version: str) -> None:
        self._registry = registry
        self._clock = clock
        self._version = version
        self._started_at = clock.now()

    async def StreamTelemetry(
        self, request: pb.StreamTelemetryRequest, _context: Context
    ) -> AsyncIterator[pb.StreamTelemetryResponse]:
        connection_id, tenant_id, interval_s = requests.telemetry(request)
        if connection_id is not None:
            about(connection_id)
        async for samples in await self._registry.telemetry(connection_id, tenant_id, interval_s):
            yield pb.StreamTelemetryResponse(
                samples=[convert.telemetry(sample) for sample in samples]
            )

    async def GetStats(
        self, _request: pb.GetStatsRequest, _context: Context
    ) -> pb.GetStatsResponse:
        hosts = self._registry.statuses()
        ended: Counter[str] = Counter()
        for host in hosts:
            ended.update({reason.name: count for reason, count in host.calls_ended.items()})
        # One call has one room: the two counts differ only where a host is not this bridge's.
        active = sum(host.slots_total - host.slots_free for host in hosts)
        return pb.GetStatsResponse(
            active_rooms=active,
            active_connections=active,
            timestamp=timestamp(self._clock.now()),
            slots_total=sum(host.slots_total for host in hosts),
            slots_free=sum(host.slots_free for host in hosts),
            draining=any(host.draining for host in hosts),
            start_time=timestamp(self._started_at),
            version=self._version,
            calls_created=sum(host.calls_created for host in hosts),
            calls_refused=self._registry.refused + sum(host.calls_refused for host in hosts),
            calls_ended={f"END_REASON_{name}": count for name, count in ended.items()},
            loop_lag=duration(max((host.loop_lag_s for host in hosts), default=0.0)),
        )
