"""What is seen from outside of a call that a worker carries."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import psutil
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from bridge.client import BridgeClient
from bridge.simulator import Simulator
from bridge.v1 import call_service_pb2, call_service_pb2_grpc
from tests.e2e.metered import metered
from tests.e2e.rig import (
    SOON_S,
    bridge_process,
    called,
    ended,
    free_port,
    hears,
    joined,
    ready,
    silence,
)
from tests.livekit_server import LiveKitServer
from tests.tones import tone
from tests.unit.observe.readings import parsed

pytestmark = pytest.mark.e2e


async def scraped(address: str) -> dict[str, float]:
    async with aiohttp.ClientSession() as http, http.get(f"http://{address}/metrics") as answer:
        return parsed(await answer.text())


async def test_metrics_of_a_worker_s_call_agree_with_its_report(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    async with metered(livekit_server, simulator, tmp_path) as server:
        client, metrics = server.client, server.metrics
        async with called(client) as (created, caller):
            await server.two_turns(created.connection_id, caller)
            async with asyncio.timeout(SOON_S):
                while (during := await scraped(metrics))['calls{state="active"}'] != 1 or (
                    not during.get('audio_queue_seconds_count{direction="in"}')
                ):
                    await asyncio.sleep(0.1)  # HTTP offers nothing to wait on
            await client.end_call(created.connection_id)
            report = await ended(client, created.connection_id)
        after = await scraped(metrics)

        async with called(client) as (lost, _):
            await ready(client, lost.connection_id)
            (worker,) = psutil.Process(server.bridge.pid).children()
            os.kill(worker.pid, signal.SIGKILL)
            await ended(client, lost.connection_id)
        last = await scraped(metrics)

    assert during['slots_free{process="worker-0"}'] == 0
    assert during['worker_resident_memory_bytes{process="worker-0"}'] > 10_000_000
    assert 0 <= during['worker_load_ratio{process="worker-0"}'] <= 1
    assert during['event_loop_lag_seconds{process="worker-0"}'] >= 0
    assert 'event_loop_lag_seconds{process="front"}' in during

    assert after['calls{state="active"}'] == 0
    assert after['calls_ended_total{fault="none",reason="api_ended"}'] == 1
    assert after['calls_refused_total{reason="NO_FREE_SLOT"}'] == 1
    latencies = [turn.latency for turn in report.turns if turn.HasField("latency")]
    assert after["turn_latency_seconds_count"] == len(latencies) == 2
    total_s = sum(latency.ToNanoseconds() for latency in latencies) / 1e9
    assert after["turn_latency_seconds_sum"] == pytest.approx(total_s, abs=0.01)
    assert after["audio_received_seconds_total"] == pytest.approx(
        report.media.audio_out.ToNanoseconds() / 1e9, abs=0.05
    )
    assert after['packets_total{direction="in"}'] == report.media.packets_in
    usage = report.call.usage
    assert after['model_tokens_total{kind="output_audio"}'] == usage.output_audio_tokens
    assert after['cost_total{currency="EUR"}'] == pytest.approx(report.cost.micro_units / 1e6)
    assert after['call_setup_seconds_count{stage="first_agent_audio"}'] == 1

    assert last['calls_ended_total{fault="server",reason="worker_lost"}'] == 1
    assert last["worker_losses_total"] == after["worker_losses_total"] + 1 == 1


TRACE = "0af7651916cd43dd8448eb211c80319c"
ASKER = "b7ad6b7169203331"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """What servers send their traces to."""

    def __init__(self) -> None:
        self.spans: dict[str, trace_pb2.Span] = {}
        self.services: set[str] = set()

    async def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 - by its proto
        for resource in request.resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.services.add(names["service.name"])
            for scope in resource.scope_spans:
                self.spans |= {span.span_id.hex(): span for span in scope.spans}
        return trace_service_pb2.ExportTraceServiceResponse()

    def path(self, span: trace_pb2.Span) -> list[str]:
        """Return the names from a span up to the one that nobody here knows."""
        names = [span.name]
        while (parent := span.parent_span_id.hex()) in self.spans:
            span = self.spans[parent]
            names.append(span.name)
        return [*names, parent]


@asynccontextmanager
async def collecting(address: str) -> AsyncIterator[Collector]:
    collector, server = Collector(), grpc.aio.server()
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(collector, server)
    server.add_insecure_port(address)
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)


async def test_a_collector_sees_a_worker_s_call_as_one_trace_that_its_gateway_began(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with (
        collecting(address) as collector,
        bridge_process(
            livekit_server,
            simulator.url,
            tmp_path / "log",
            MEDIABRIDGE_OTLP_ENDPOINT=f"http://{address}",
            MEDIABRIDGE_WORKERS="1",
        ) as bridge,
        grpc.aio.insecure_channel(bridge.address) as channel,
        BridgeClient(bridge.address) as client,
    ):
        created = await call_service_pb2_grpc.CallServiceStub(channel).CreateRoom(
            call_service_pb2.CreateRoomRequest(participant_name="Ada", agent_id="tester"),
            metadata=(("traceparent", f"00-{TRACE}-{ASKER}-01"),),
        )
        async with joined(created) as caller:
            await ready(client, created.connection_id)
            await caller.play(tone(440, 600) + silence(500))
            await hears(caller, 880, 900)
        report = await ended(client, created.connection_id)

    assert collector.services == {"mediabridge"}
    spans = list(collector.spans.values())
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    rpc = "bridge.v1.CallService/CreateRoom"
    paths = [collector.path(span) for span in spans]
    assert [rpc, ASKER] in paths
    assert ["call", rpc, ASKER] in paths
    assert ["response", "turn", "call", rpc, ASKER] in paths
    for part in ("media.connect", "model.connect", "model.session", "turn", "end"):
        assert [part, "call", rpc, ASKER] in paths
    (turn,) = [span for span in spans if span.name == "turn"]
    told = {one.key: one.value.double_value for one in turn.attributes}
    latency_s = report.turns[0].latency.ToNanoseconds() / 1e9
    assert told["mediabridge.latency_s"] == pytest.approx(latency_s, abs=0.001)
    everything = "".join(map(str, spans))
    assert created.connection_id in everything
    for secret in ("Ada", "Hz", created.participant_id, created.access_token):
        assert secret not in everything
