"""What runs while the demo runs: LiveKit, a model and the bridge, each ready before the next."""

import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bridge.demo import livekit
from bridge.demo.livekit import LiveKitServer
from bridge.demo.parrot import YouSaid
from bridge.demo.processes import Child
from bridge.simulator import Simulator, SimulatorSettings

SPEECH: Final = Path(__file__).parent / "speech.wav"
"""What the demo's caller says."""

# The first start compiles every package; one that dies is noticed at once, however long this is.
_READY_WITHIN_S: Final = 120.0
_PROBE_WITHIN_S: Final = 5.0
USUAL_PORT: Final = 50051
"""Where `mediabridge call` and `watch` look unless told otherwise."""

_NO_KEY_NEEDED: Final = "simulator"

Tell = Callable[[str], None]
"""Told what is going on, in one line."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What was started."""

    target: str
    """The bridge's gRPC address."""
    livekit: LiveKitServer
    model: str
    """What answers, for people."""
    children: tuple[Child, ...]


@asynccontextmanager
async def running_stack(
    binary: Path,
    agents_dir: Path,
    logs: Path,
    tell: Tell,
    *,
    port: int = USUAL_PORT,
    webhook_url: str = "",
    script: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> AsyncIterator[Stack]:
    """Start everything and give it once it is ready; on leaving all of it is gone, last first.

    The bridge listens on `port`, or on a free one where that is taken or 0. With OPENAI_API_KEY
    in the environment that service answers, else a simulator. LiveKit sends its webhooks to
    `webhook_url`, if there is one. The simulator follows `script`, or else says back what it hears.

    :raises PartFailed: a part did not start; the message holds its last log lines.
    """
    async with AsyncExitStack() as parts:
        server = LiveKitServer(binary, logs / "livekit-server.log", webhook_url)
        await parts.enter_async_context(server)
        tell(f"livekit-server {server.url}")
        model, settings = await _model(parts, script, environ)
        tell(f"model          {model}")
        target = f"127.0.0.1:{free_port(port)}"
        settings |= {
            "LIVEKIT_ENABLED": "true",
            "LIVEKIT_SERVER_URL": server.url,
            "LIVEKIT_API_KEY": server.api_key,
            "LIVEKIT_API_SECRET": server.api_secret,
            "MEDIABRIDGE_LISTEN": target,
            "MEDIABRIDGE_AGENTS_DIR": str(agents_dir),
            # Whoever ends the demo ends the calls it carries.
            "MEDIABRIDGE_DRAIN_TIMEOUT": "2s",
            # Nothing of a demo is worth keeping.
            "MEDIABRIDGE_STORE_URL": "memory:",
            # One that was meant for another server would be taken for this one's.
            "LIVEKIT_PUBLIC_URL": "",
        }
        bridge = await parts.enter_async_context(_bridge(settings, logs, environ))
        await bridge.ready(lambda: is_serving(target), _READY_WITHIN_S)
        tell(f"mediabridge    {target}")
        yield Stack(target, server, model, (server.child, bridge))


async def is_serving(target: str) -> bool:
    """Tell whether a server's health says SERVING."""
    async with grpc.aio.insecure_channel(target) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=_PROBE_WITHIN_S)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def free_port(wanted: int) -> int:
    """Return that TCP port of loopback, or another one where it is taken.

    :raises OSError: there is none.
    """
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As a server does it: a connection of yesterday does not make a port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free TCP port")


async def _model(
    parts: AsyncExitStack, script: Path | None, environ: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Return what answers, and what the bridge must be told to use it."""
    if environ.get("OPENAI_API_KEY"):
        return environ.get("OPENAI_BASE_URL") or "OpenAI", {}
    simulator = Simulator(
        SimulatorSettings(behaviour="script", script=script)
        if script
        else SimulatorSettings(behaviour=YouSaid())
    )
    await parts.enter_async_context(simulator)
    settings = {"OPENAI_BASE_URL": simulator.url, "OPENAI_API_KEY": _NO_KEY_NEEDED}
    return f"the simulator at {simulator.url} (set OPENAI_API_KEY for a real one)", settings


def _bridge(settings: Mapping[str, str], logs: Path, environ: Mapping[str, str]) -> Child:
    inherited = {
        # The bridge refuses variables of its prefix that it does not know.
        name: value
        for name, value in environ.items()
        if name != livekit.ENVIRONMENT_NAME
    }
    argv = [sys.executable, "-m", "bridge.cli.main", "serve"]
    return Child("mediabridge", argv, {**inherited, **settings}, logs / "mediabridge.log")
