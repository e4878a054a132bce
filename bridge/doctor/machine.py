"""Is there room on this machine: for listeners, and for what calls keep open?"""

import asyncio
import errno
import resource
import socket
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bridge.addresses import host_and_port
from bridge.doctor.finding import Finding, failed, ok, skipped, warning

DESCRIPTORS, LISTEN, METRICS, TRACES = "file-descriptors", "listen", "metrics-listen", "traces"

# Measured on 2026-11-24 (Linux, livekit 1.2.1): 35 are open where nobody calls, 39 more for each
# call. Gateways, tools and watchers come on top.
_IDLE_DESCRIPTORS: Final = 100
_DESCRIPTORS_PER_CALL: Final = 40
_ASK_S: Final = 2.0
_UNIX: Final = "unix:"


def check_descriptors(slots: int) -> Finding:
    """Compare what a process that carries so many calls opens with what it may."""
    needed = _IDLE_DESCRIPTORS + slots * _DESCRIPTORS_PER_CALL
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    said = f"{allowed} may be open in a process, and {slots} calls need about {needed}"
    advice = "Raise LimitNOFILE (systemd), `ulimit -n`, or set fewer MEDIABRIDGE_SLOTS."
    if allowed < needed:
        return failed(DESCRIPTORS, said, advice)
    if allowed < 2 * needed:
        return warning(DESCRIPTORS, said, advice)
    return ok(DESCRIPTORS, said)


async def check_listen(address: str, *, has_tls: bool) -> Finding:
    """See whether gRPC can be served there, or is."""
    if address.startswith(_UNIX):
        directory = Path(address.removeprefix(_UNIX)).parent
        if directory.is_dir():
            return ok(LISTEN, f"{directory} is there")
        return failed(LISTEN, f"{directory} is no directory", "Make it, or set MEDIABRIDGE_LISTEN.")
    problem = await asyncio.to_thread(_bind_problem, address)
    if problem is None:
        return ok(LISTEN, f"{address} is free")
    if problem.errno != errno.EADDRINUSE:
        return _unusable(LISTEN, address, problem, "MEDIABRIDGE_LISTEN")
    if await _answers_health(address):
        return ok(LISTEN, f"a server answers at {address}")
    advice = "Is it another program's? `ss -ltnp` tells. Else set MEDIABRIDGE_LISTEN."
    if has_tls:
        return warning(LISTEN, f"{address} is taken, perhaps by this server, behind TLS", advice)
    return failed(LISTEN, f"{address} is taken, and not by a server of ours", advice)


async def check_metrics_listen(address: str | None) -> Finding:
    if address is None:
        return skipped(METRICS, "MEDIABRIDGE_METRICS_LISTEN is not set")
    problem = await asyncio.to_thread(_bind_problem, address)
    if problem is None:
        return ok(METRICS, f"{address} is free")
    if problem.errno == errno.EADDRINUSE:
        advice = "Fine if this server runs; else set MEDIABRIDGE_METRICS_LISTEN to another port."
        return warning(METRICS, f"{address} is taken", advice)
    return _unusable(METRICS, address, problem, "MEDIABRIDGE_METRICS_LISTEN")


async def check_collector(host: str, port: int) -> Finding:
    """See whether somebody listens where traces are sent."""
    try:
        async with asyncio.timeout(_ASK_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        advice = "Start the collector, or mend MEDIABRIDGE_OTLP_ENDPOINT; calls work without it."
        return warning(TRACES, f"{host}:{port} does not answer ({type(error).__name__})", advice)
    writer.close()
    return ok(TRACES, f"{host}:{port} takes connections")


def _unusable(check: str, address: str, problem: OSError, variable: str) -> Finding:
    said = f"{address} cannot be listened on: {problem.strerror}"
    advice = f"{variable} must be an address of this machine; ports below 1024 need a privilege."
    return failed(check, said, advice)


def _bind_problem(address: str) -> OSError | None:
    host, port = host_and_port(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, where in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
    except OSError as error:
        return error
    return None


async def _answers_health(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        try:
            await check(health_pb2.HealthCheckRequest(service=""), timeout=_ASK_S)
        except grpc.aio.AioRpcError as error:
            # It speaks gRPC, and tells strangers nothing.
            hidden = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED)
            return error.code() in hidden
    return True
