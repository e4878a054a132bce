"""Several people in one call: the model hears them at once, and as they spoke."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from statistics import median
from typing import Final

import numpy as np
import pytest

from bridge.client import BridgeClient
from bridge.pcm import MODEL_RATE_HZ
from bridge.room.caller import Caller
from bridge.simulator import Simulator, SimulatorSettings
from bridge.simulator.sound import Samples
from bridge.v1.agent_pb2 import AgentOverrides, ManualTurns, TurnDetection
from tests.e2e.rig import SOON_S, ready, silence
from tests.tones import samples_of, tone

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

VOICES_HZ: Final = (500.0, 800.0, 1300.0)
BURSTS: Final = 8
_AMPLITUDE: Final = 6000
_SAYS: Final = 240
_PAUSES: Final = 360
# The mixer's part is a frame of 20 ms. The rest is what the callers' jitter buffers differ by: they
# stretch and shrink sound as a busy machine delivers it.
_WITHIN_MS: Final = 60.0


class Heard:
    """What the model is sent, in all."""

    def __init__(self) -> None:
        self._chunks: list[Samples] = []

    def append(self, _session_id: str, samples: Samples) -> None:
        self._chunks.append(samples)

    def bursts_ms(self, hz: float) -> list[float]:
        """Return where the bursts of a tone begin."""
        sound = np.concatenate(self._chunks).astype(np.float64)
        time_s = np.arange(sound.size) / MODEL_RATE_HZ
        window = np.ones(MODEL_RATE_HZ // 50)
        turned = np.convolve(sound * np.exp(-2j * np.pi * hz * time_s), window, "same")
        loud = np.abs(turned) * 2 / window.size > _AMPLITUDE / 2
        return [at * 1000 / MODEL_RATE_HZ for at in np.flatnonzero(np.diff(loud.astype(int)) == 1)]


class Said:
    """When a caller's bursts left its microphone."""

    def __init__(self) -> None:
        self.bursts_ms: list[float] = []
        self._is_loud = False

    def frame(self, at_s: float, pcm: memoryview) -> None:
        was_loud, self._is_loud = self._is_loud, bool(abs(samples_of(pcm)).max() > _AMPLITUDE / 2)
        if self._is_loud and not was_loud:
            self.bursts_ms.append(at_s * 1000)


def apart_ms(ones_ms: list[float], others_ms: list[float]) -> float:
    """Return how much later one voice's bursts begin than another's, each by the nearest."""
    differences = np.subtract.outer(others_ms, ones_ms)
    return float(median(differences[abs(differences).argmin(axis=0), range(len(ones_ms))]))


async def speak(caller: Caller, hz: float) -> None:
    burst = tone(hz, _SAYS, amplitude=_AMPLITUDE) + silence(_PAUSES)
    await caller.play(silence(1000) + burst * BURSTS)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def simulator(heard: Heard) -> AsyncIterator[Simulator]:
    """A model that keeps what it hears."""
    async with Simulator(SimulatorSettings(on_append=heard.append)) as running:
        yield running


async def test_three_people_who_speak_at_once_reach_the_model_aligned(
    client: BridgeClient, heard: Heard
) -> None:
    agent = AgentOverrides(turn_detection=TurnDetection(manual=ManualTurns()))
    created = await client.create_room("Ada", "tester", agent=agent)
    tickets = [await client.join_room(name, created.room_name) for name in ("Bo", "Cy")]
    tokens = [created.access_token, *(ticket.access_token for ticket in tickets)]
    said = [Said() for _ in tokens]
    async with AsyncExitStack() as room:
        callers = [
            await room.enter_async_context(
                Caller.join(created.server_url, token, on_spoken=voice.frame)
            )
            for token, voice in zip(tokens, said, strict=True)
        ]
        await ready(client, created.connection_id)
        await asyncio.gather(*map(speak, callers, VOICES_HZ))
        async with asyncio.timeout(SOON_S):
            while any(len(heard.bursts_ms(hz)) < BURSTS for hz in VOICES_HZ):
                await asyncio.sleep(0.1)  # the model offers nothing to wait on
    heard_ms, said_ms = [heard.bursts_ms(hz) for hz in VOICES_HZ], [one.bursts_ms for one in said]
    late_ms = [
        apart_ms(heard_ms[0], heard_ms[voice]) - apart_ms(said_ms[0], said_ms[voice])
        for voice in range(len(VOICES_HZ))
    ]
    assert max(late_ms) - min(late_ms) <= _WITHIN_MS, late_ms
