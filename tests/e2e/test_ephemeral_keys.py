"""Calls of workers that hold no key of the provider's: each connection has a key of its own."""

import asyncio
import time
from pathlib import Path

import psutil
import pytest

from bridge.client import BridgeClient
from bridge.simulator import Faults, Simulator, SimulatorSettings
from tests.e2e.rig import SOON_S, bridge_process, called, hears, ready, silence
from tests.e2e.test_workers import worker_of
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LONG_LIVED = "sk-that-opens-everything"
HOUR_S = 3600.0


async def test_call_of_a_worker_without_a_key_goes_on_past_its_keys_expiry(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    settings = SimulatorSettings(
        behaviour="tones",
        tone_ms=500,
        first_delta_ms=0,
        speed=8,
        accepted_keys=frozenset({LONG_LIVED}),
    )
    async with (
        Simulator(settings) as simulator,
        bridge_process(
            livekit_server,
            simulator.url,
            tmp_path / "bridge.log",
            OPENAI_API_KEY=LONG_LIVED,
            MEDIABRIDGE_EPHEMERAL_KEYS="true",
            MEDIABRIDGE_WORKERS="1",
        ) as running,
        BridgeClient(running.address) as client,
        called(client) as (made, caller),
    ):
        await ready(client, made.connection_id)
        worker = worker_of(running, made)
        assert LONG_LIVED not in "".join(psutil.Process(worker.pid).environ().values())
        assert LONG_LIVED in psutil.Process(running.pid).environ().values()
        await caller.play(tone(440, 600) + silence(600))
        await hears(caller, 880, 200)
        before = simulator.totals.sessions_opened
        # To the simulator an hour passes: every key that it has made so far is of no use.
        simulator._keys._now = lambda: time.time() + HOUR_S
        simulator.faults = Faults(drop_after_s=0, times=1)
        async with asyncio.timeout(SOON_S):
            while simulator.totals.sessions_opened == before:
                await asyncio.sleep(0.02)  # the simulator tells nobody
        await caller.play(tone(500, 600) + silence(600))
        await hears(caller, 1000, 200)
