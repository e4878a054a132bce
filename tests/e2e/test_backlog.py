"""A stall leaves no delay behind: a model that speaks in real time is heard in real time again."""

import os
import signal
from pathlib import Path

import pytest

from bridge.client import BridgeClient
from bridge.room.caller import Caller
from tests.e2e.rig import bridge_process, called, ended, free_port, model_process, ready, silence
from tests.livekit_server import LiveKitServer
from tests.tones import amplitude_at, tone

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

STALL_MS = 800
CAUGHT_UP_MS = 1000
BEFORE_HZ, AFTER_HZ = 700.0, 1400.0
AUDIBLE = 2500.0
STEP_MS = 10


def onset_ms(pcm: bytes, hz: float) -> float:
    """Return when a tone begins."""
    window = 2 * STEP_MS * 48 * 2
    for at in range(0, len(pcm) - window, STEP_MS * 48 * 2):
        if amplitude_at(pcm[at : at + window], hz) > AUDIBLE:
            return at / 96
    pytest.fail(f"{hz} Hz was never heard")


def round_trip_ms(caller: Caller, hz: float) -> float:
    heard, spoken = caller.heard.samples.tobytes(), caller.spoken.samples.tobytes()
    return onset_ms(heard, hz) - onset_ms(spoken, hz)


async def test_a_model_that_stalled_is_heard_in_time_again_after_a_second(
    livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    port = free_port()
    log = tmp_path / "bridge.log"
    async with (
        model_process(port, "loopback") as model,
        bridge_process(livekit_server, f"http://127.0.0.1:{port}/v1", log) as bridge,
        BridgeClient(bridge.address) as client,
        called(client) as (created, caller),
    ):
        await ready(client, created.connection_id)
        await caller.play(silence(1000) + tone(BEFORE_HZ, 200) + silence(1000))
        os.kill(model.pid, signal.SIGSTOP)
        try:
            await caller.play(silence(STALL_MS))
        finally:
            os.kill(model.pid, signal.SIGCONT)
        await caller.play(silence(CAUGHT_UP_MS) + tone(AFTER_HZ, 200) + silence(1000))
        before, after = round_trip_ms(caller, BEFORE_HZ), round_trip_ms(caller, AFTER_HZ)
        await client.end_call(created.connection_id)
        media = (await ended(client, created.connection_id)).media
    assert after < before + 100
    assert STALL_MS - 200 < media.discarded_out.ToMilliseconds() < STALL_MS + 50
