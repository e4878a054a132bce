"""A noisy microphone, as the model hears it: with a model that sends back what it hears."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from bench.noise import noisy_speech
from bridge.client import BridgeClient
from bridge.room.caller import Caller
from bridge.simulator import Simulator, SimulatorSettings
from bridge.v1.agent_pb2 import AgentOverrides, NoisePolicy
from tests.e2e.rig import bridge_process, joined, ready
from tests.livekit_server import LiveKitServer

pytestmark = pytest.mark.e2e

# Where the noise stands alone again behind the speech: by then it has been learnt.
_ALONE_S = 1.4


@pytest.fixture
async def echo(livekit_server: LiveKitServer, tmp_path: Path) -> AsyncIterator[BridgeClient]:
    async with (
        Simulator(SimulatorSettings(behaviour="loopback")) as simulator,
        bridge_process(livekit_server, simulator.url, tmp_path / "bridge.log") as bridge,
        BridgeClient(bridge.address) as client,
    ):
        yield client


async def noise_heard_back(client: BridgeClient, noise: NoisePolicy) -> float:
    """Return how loud a noise comes back, by the root mean square of its samples."""
    created = await client.create_room("Ada", "tester", agent=AgentOverrides(noise=noise))
    async with joined(created) as caller:
        await ready(client, created.connection_id)
        before = caller.heard.seconds
        sound = noisy_speech(10).noisy
        await caller.play(sound.tobytes())
        over = before + sound.size / 48_000
        return loudness(caller, over - _ALONE_S, over)


def loudness(caller: Caller, from_s: float, to_s: float) -> float:
    heard = caller.heard.samples[int(from_s * 48_000) : int(to_s * 48_000)]
    assert heard.size > 48_000, "the model sent too little back"
    return float(np.sqrt(np.mean(np.square(heard.astype(np.float64)))))


async def test_model_hears_a_third_of_the_noise_where_the_agent_suppresses_it(
    echo: BridgeClient,
) -> None:
    as_it_is = await noise_heard_back(echo, NoisePolicy())
    suppressed = await noise_heard_back(echo, NoisePolicy(suppression=True))
    assert as_it_is > 100, "the noise itself comes through"
    assert suppressed < as_it_is / 3
