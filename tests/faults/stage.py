"""One call in which something goes wrong: all of it real, on this machine, and watched."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil
from livekit import api

from bridge.client import BridgeClient
from bridge.room.caller import Caller
from bridge.simulator import Simulator, SimulatorSettings
from bridge.v1 import event_pb2
from bridge.v1.call_service_pb2 import CreateRoomResponse
from bridge.v1.event_pb2 import CallEvent
from tests.e2e.rig import BridgeProcess, bridge_process, free_port
from tests.faults.ear import HZ, Ear
from tests.faults.row import ending_of
from tests.faults.wire import Wire
from tests.livekit_server import LiveKitServer
from tests.load.footprint import Footprint
from tests.tones import tone

SOON_S: Final = 20.0
_TONE: Final = tone(HZ, 1000)
# Sockets of a call that is over close within this time, LiveKit's own included.
_GONE_WITHIN_S: Final = 12.0
_TROUBLE: Final = frozenset({event_pb2.LINK_STATE_INTERRUPTED, event_pb2.LINK_STATE_LOST})


@dataclass(slots=True)
class Stage:
    """Everything that a fault can strike."""

    livekit: LiveKitServer
    simulator: Simulator
    wire: Wire
    bridge: BridgeProcess
    client: BridgeClient
    lives: dict[str, str]
    """What the bridge is told; its next life is told the same."""
    log: Path
    stack: AsyncExitStack
    before: Footprint = field(init=False)

    @property
    def calls_db(self) -> Path:
        return Path(self.lives["MEDIABRIDGE_STORE_URL"].removeprefix("sqlite:///"))

    async def kill_bridge(self) -> None:
        """Kill it, and let its next life begin where it was."""
        self.bridge.kill()
        await self.bridge.exit_status()
        next_life = bridge_process(
            self.livekit,
            f"http://127.0.0.1:{self.wire.port}/v1",
            self.log.with_suffix(".next"),
            **self.lives,
        )
        self.bridge = await self.stack.enter_async_context(next_life)

    async def rooms(self) -> list[str]:
        async with api.LiveKitAPI(
            self.livekit.url, self.livekit.api_key, self.livekit.api_secret
        ) as livekit:
            listed = await livekit.room.list_rooms(api.ListRoomsRequest())
        return [room.name for room in listed.rooms]

    async def left_behind(self) -> str:
        """Return what is still there of a call that is over, once all had time to go."""
        deadline_s = time.monotonic() + _GONE_WITHIN_S
        while (left := await self._left()) and time.monotonic() < deadline_s:
            await asyncio.sleep(0.2)
        return left or "nothing"

    async def _left(self) -> str:
        left = [f"room {name}" for name in await self.rooms()]
        left += ["a model session"] * len(self.simulator.sessions)
        with suppress(psutil.NoSuchProcess):
            left.append(Footprint.of(self.bridge.pid).beyond(self.before))
        return ", ".join(filter(None, left))


@asynccontextmanager
async def staged(
    livekit: LiveKitServer, log: Path, *, workers: int = 0, **changed: str
) -> AsyncIterator[Stage]:
    """Run a bridge with a model that says back what it hears; one call has been there before."""
    settings = SimulatorSettings(behaviour="loopback", first_delta_ms=0)
    lives = {
        "MEDIABRIDGE_LISTEN": f"127.0.0.1:{free_port()}",
        "MEDIABRIDGE_HOST_ID": "struck",
        "MEDIABRIDGE_WORKERS": str(workers),
        "MEDIABRIDGE_SLOTS": "2",
        "MEDIABRIDGE_DRAIN_TIMEOUT": "1s",
        "MEDIABRIDGE_LIVEKIT_WEBHOOK_LISTEN": f"127.0.0.1:{free_port()}",
        "MEDIABRIDGE_STORE_URL": f"sqlite:///{log.with_name('calls')}/calls.db",
        **changed,
    }
    log.with_name("calls").mkdir(exist_ok=True)
    async with (
        Simulator(settings) as simulator,
        Wire.to(int(urlsplit(simulator.url).port or 0)) as wire,
        AsyncExitStack() as stack,
        bridge_process(livekit, f"http://127.0.0.1:{wire.port}/v1", log, **lives) as bridge,
        BridgeClient(bridge.address) as client,
    ):
        stage = Stage(livekit, simulator, wire, bridge, client, lives, log, stack)
        for _ in range(max(1, workers)):
            async with talking(stage) as first:
                await first.is_heard(0.2)
        await asyncio.sleep(1)
        stage.before = Footprint.of(bridge.pid)
        yield stage


@dataclass(slots=True)
class Talk:
    """A caller who plays a tone and should hear it all the time, and what is told of the call."""

    stage: Stage
    created: CreateRoomResponse
    caller: Caller
    ear: Ear
    told: list[tuple[float, CallEvent]] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def is_heard(
        self, seconds: float, since_s: float = 0.0, within_s: float = SOON_S
    ) -> bool:
        """Wait until the tone was heard for so long; return whether it was."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.ear.heard_s(since_s) < seconds:
                    if self.over.is_set():
                        return False
                    await asyncio.sleep(0.05)
                return True
        return False

    def noticed(self, since_s: float) -> tuple[float, str] | None:
        """Return when watchers were first told of trouble, and by whom."""
        for at_s, event in self.told:
            if at_s < since_s:
                continue
            match event.WhichOneof("kind"):
                case "media_state_changed" if event.media_state_changed.state in _TROUBLE:
                    return at_s, "the room"
                case "model_state_changed" if event.model_state_changed.state in _TROUBLE:
                    return at_s, "the model's session"
                case "ended":
                    return at_s, "the end"
                case _:
                    pass
        return None

    @property
    def ending(self) -> str:
        return ending_of(self.told[-1][1].ended.report)

    @property
    def has_gaps(self) -> bool:
        """Return whether watchers were told less than everything, or something twice."""
        sequences = [event.sequence for _, event in self.told]
        return sequences != list(range(1, len(sequences) + 1))

    async def speak(self) -> None:
        while True:
            await self.caller.play(_TONE)

    async def watch(self) -> None:
        async for event in self.stage.client.watch(self.created.connection_id):
            self.told.append((time.monotonic(), event))
        self.over.set()


@asynccontextmanager
async def talking(stage: Stage) -> AsyncIterator[Talk]:
    """Have a call in which the caller hears itself; leaving ends it where nothing else has."""
    created = await stage.client.create_room("Ada", "tester")
    ear = Ear()
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(
            Caller.join(created.server_url, created.access_token, on_heard=ear.hear, max_seconds=0)
        )
        talk = Talk(stage, created, caller, ear)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        speaking = group.create_task(talk.speak(), name="speaking")
        watching = group.create_task(talk.watch(), name="watching")
        try:
            assert await talk.is_heard(0.5), "the caller hears nothing before anything is wrong"
            yield talk
        finally:
            speaking.cancel()
            if not talk.over.is_set():
                with suppress(Exception):
                    await stage.client.end_call(created.connection_id)
                with suppress(TimeoutError):
                    async with asyncio.timeout(SOON_S):
                        await talk.over.wait()
            watching.cancel()
