"""The whole thing, for end-to-end tests: a bridge in its own process, and callers in its rooms."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bridge.client import BridgeClient
from bridge.room.caller import Caller
from bridge.v1 import event_pb2
from bridge.v1.call_pb2 import CallLimits
from bridge.v1.call_service_pb2 import CreateRoomResponse, JoinRoomResponse
from bridge.v1.event_pb2 import CallEvent
from bridge.v1.report_pb2 import CallReport
from tests.livekit_server import LiveKitServer
from tests.tones import amplitude_at, samples_of

AGENTS: Final = Path(__file__).parent / "agents"
SOON_S: Final = 45.0
"""Longer than anything takes on a busy machine: only what fails waits for it."""
AUDIBLE: Final = 2500.0
"""Of a tone played with amplitude 8000, after two Opus codecs and two resamplers."""
_FRAME_SAMPLES: Final = 4800
_PORTS_EACH: Final = 1000
_FIRST_PORT: Final = 10_000 + _PORTS_EACH * int(
    os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
)
# In no order, for those that two runs of tests share.
_PORTS: Final = iter(random.sample(range(_FIRST_PORT, _FIRST_PORT + _PORTS_EACH), _PORTS_EACH))


class BridgeProcess:
    """One `mediabridge serve`."""

    def __init__(self, process: asyncio.subprocess.Process, address: str, log: Path) -> None:
        self._process = process
        self.address = address
        self.log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    async def exit_status(self) -> int:
        async with asyncio.timeout(SOON_S):
            return await self._process.wait()

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            await self.exit_status()


@asynccontextmanager
async def bridge_process(
    livekit: LiveKitServer | None,
    model_url: str,
    log: Path,
    credentials: grpc.ChannelCredentials | None = None,
    /,
    **environment: str,
) -> AsyncIterator[BridgeProcess]:
    """Run a server until the context ends; it answers health checks on entering.

    `credentials` are for one whose `environment` gives it a certificate.
    """
    address = environment.get("MEDIABRIDGE_LISTEN") or f"127.0.0.1:{free_port()}"
    variables = {
        "PATH": os.environ["PATH"],
        "OPENAI_BASE_URL": model_url,
        "MEDIABRIDGE_LISTEN": address,
        "MEDIABRIDGE_AGENTS_DIR": str(AGENTS),
        "MEDIABRIDGE_LOG_FORMAT": "json",
        "MEDIABRIDGE_STORE_URL": "memory:",
    }
    if livekit is None:
        variables["LIVEKIT_ENABLED"] = "false"
    else:
        variables |= {
            "LIVEKIT_SERVER_URL": livekit.url,
            "LIVEKIT_API_KEY": livekit.api_key,
            "LIVEKIT_API_SECRET": livekit.api_secret,
        }
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bridge.cli.main",
            "serve",
            env=variables | environment,
            stdout=sink,
            stderr=sink,
        )
    running = BridgeProcess(process, address, log)
    try:
        await _healthy(running, process, credentials)
        yield running
    finally:
        await running.stop()


async def _healthy(
    bridge: BridgeProcess,
    process: asyncio.subprocess.Process,
    credentials: grpc.ChannelCredentials | None,
) -> None:
    channel = (
        grpc.aio.secure_channel(bridge.address, credentials)
        if credentials
        else grpc.aio.insecure_channel(bridge.address)
    )
    async with channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        async with asyncio.timeout(SOON_S):
            while True:
                try:
                    await check(health_pb2.HealthCheckRequest(service=""))
                except grpc.aio.AioRpcError:
                    assert process.returncode is None, bridge.log.read_text()
                    await asyncio.sleep(0.05)  # a process offers nothing to wait on but its port
                else:
                    return


@asynccontextmanager
async def called(
    client: BridgeClient, *, limits: CallLimits | None = None, name: str = "Ada"
) -> AsyncIterator[tuple[CreateRoomResponse, Caller]]:
    """Create a call with the tester and join it; the caller hangs up at the end."""
    created = await client.create_room(name, "tester", limits=limits or CallLimits())
    async with joined(created) as caller:
        yield created, caller


@asynccontextmanager
async def joined(ticket: CreateRoomResponse | JoinRoomResponse) -> AsyncIterator[Caller]:
    """Join with a token, and wait until the agent can be heard."""
    async with Caller.join(ticket.server_url, ticket.access_token) as caller:
        async with asyncio.timeout(SOON_S):
            await caller.wait_for_agent_track()
        yield caller


async def ready(client: BridgeClient, connection_id: str) -> None:
    """Wait until the call's agent can hear and speak."""
    wanted = {"media_state_changed", "model_state_changed"}
    async for event in watched(client, connection_id):
        kind = event.WhichOneof("kind")
        if kind in wanted and getattr(event, kind).state == event_pb2.LINK_STATE_READY:
            wanted.remove(kind)
            if not wanted:
                return
    raise AssertionError("the call ended before it was ready")


async def watched(
    client: BridgeClient, connection_id: str, after: int = 0
) -> AsyncIterator[CallEvent]:
    """Yield a call's events; a test that waits too long for the next one fails."""
    async with aclosing(client.watch(connection_id, after)) as events:
        while True:
            async with asyncio.timeout(SOON_S):
                try:
                    event = await anext(events)
                except StopAsyncIteration:
                    return
            yield event


async def until(client: BridgeClient, connection_id: str, kind: str) -> CallEvent:
    """Return the first event of a kind."""
    async for event in watched(client, connection_id):
        if event.WhichOneof("kind") == kind:
            return event
    raise AssertionError(f"the call ended without {kind}")


async def said(client: BridgeClient, connection_id: str, text: str) -> None:
    """Wait until the agent has said something to its last word."""
    async for event in watched(client, connection_id):
        if event.transcript.final and event.transcript.text == text:
            return
    raise AssertionError("the call ended before the agent had said it")


async def ended(client: BridgeClient, connection_id: str) -> CallReport:
    """Wait for the call's end and return the report that its last event carries."""
    events = [event async for event in watched(client, connection_id)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    kinds = [event.WhichOneof("kind") for event in events]
    assert kinds.count("ended") == 1
    assert kinds[-1] == "ended"
    return events[-1].ended.report


def heard_ms(caller: Caller, hz: float) -> float:
    """Return for how long the caller has heard a tone so far, to a tenth of a second."""
    pcm = memoryview(caller.heard.samples.tobytes())
    step = _FRAME_SAMPLES * 2
    windows = (pcm[at : at + step] for at in range(0, len(pcm) - step + 1, step))
    return 100.0 * sum(amplitude_at(window, hz) > AUDIBLE for window in windows)


async def hears(caller: Caller, hz: float, ms: float = 300) -> None:
    """Wait until the caller has heard a tone for so long."""
    async with asyncio.timeout(SOON_S):
        while heard_ms(caller, hz) < ms:
            await asyncio.sleep(0.05)  # the recording offers nothing to wait on


def silence(ms: float) -> bytes:
    return bytes(int(ms * 48) * 2)


def peak(caller: Caller) -> int:
    samples = samples_of(caller.heard.samples.tobytes())
    return int(abs(samples).max()) if samples.size else 0


def free_port() -> int:
    """Return a port that nobody else is given before a server listens on it.

    The kernel gives its own to connections of all processes; these lie below, each test process has
    a share of its own and takes none twice.
    """
    for port in _PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise OSError("every port was given away")


@asynccontextmanager
async def lone_caller(
    ticket: CreateRoomResponse,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Join from a process of its own, which may be killed; it is in the room on entering."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.e2e.lone_caller",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{ticket.server_url}\n{ticket.access_token}\n".encode())
        async with asyncio.timeout(SOON_S):
            assert await process.stdout.readline() == b"joined\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@asynccontextmanager
async def model_process(
    port: int, behaviour: str = "tones"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the simulator in a process of its own, which may be killed; it listens on entering."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge.cli.main", "model", "--port", str(port), "--behaviour", behaviour),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SOON_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)  # a process offers nothing to wait on but its port
                    continue
                writer.close()
                await writer.wait_closed()
                break
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
