"""How are all hosts measured at once? Each tells of its own calls; a round holds all of that."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from bridge.errors import Refusal
from bridge.ids import TenantId
from bridge.ports.clock import Clock
from bridge.ports.host import Host, HostId
from bridge.ports.telemetry import Figures


async def merged(
    hosts: Mapping[HostId, Host], tenant_id: TenantId | None, interval_s: float, clock: Clock
) -> AsyncIterator[Sequence[Figures]]:
    """Yield the figures of every host's calls each interval, for ever.

    A host that is new is heard from the next round on; one that goes is missed from then on.
    """
    streams: dict[HostId, AsyncIterator[Sequence[Figures]]] = {}
    while True:
        for host_id in streams.keys() - hosts.keys():
            del streams[host_id]
        for host_id in hosts.keys() - streams.keys():
            streams[host_id] = hosts[host_id].telemetry(None, tenant_id, interval_s)
        if not streams:
            await clock.sleep(interval_s)
            yield []
            continue
        # Each waits an interval: together they are as punctual as one.
        rounds = await asyncio.gather(*(_next(streams, host_id) for host_id in list(streams)))
        yield [sample for one in rounds for sample in one]


async def _next(
    streams: dict[HostId, AsyncIterator[Sequence[Figures]]], host_id: HostId
) -> Sequence[Figures]:
    try:
        return await anext(streams[host_id])
    except (Refusal, StopAsyncIteration):
        del streams[host_id]
        return []
