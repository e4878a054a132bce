"""Where the agent was stopped is where the caller stopped hearing it, by the caller's recording."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Final

import pytest

from bridge.client import BridgeClient
from bridge.pcm import ROOM_RATE_HZ
from bridge.room.caller import Caller
from bridge.simulator import Simulator, SimulatorSettings
from bridge.simulator.sound import Samples
from bridge.v1 import call_pb2
from bridge.v1.event_pb2 import CallEvent, Interruption
from tests.e2e.rig import SOON_S, bridge_process, called, ready, silence
from tests.e2e.sweep import Sweeps, place_ms, stretches
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

_CALLS: Final = 3
_TIMES_A_CALL: Final = 10
_WITHIN_MS: Final = 40.0
_BEGINS_WITHIN_MS: Final = 200.0
_PIECE: Final = ROOM_RATE_HZ * 300 // 1000
_SAYING_HZ: Final = 600.0


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A model whose answers last for 20 s, and are there much sooner."""
    settings = SimulatorSettings(behaviour=Sweeps(20_000), first_delta_ms=0, speed=4)
    async with Simulator(settings) as running:
        yield running


async def interrupt(caller: Caller, after_s: float) -> None:
    await asyncio.sleep(after_s)
    await caller.play(tone(_SAYING_HZ, 260) + silence(300))


async def interruptions(
    client: BridgeClient, connection_id: str, caller: Caller, moments_s: list[float]
) -> list[Interruption]:
    """Interrupt each answer at a moment of its own; return what the watchers are told."""
    told: list[Interruption] = []
    left_s = iter(moments_s)
    async with asyncio.TaskGroup() as saying, aclosing(client.watch(connection_id)) as events:
        await caller.play(tone(_SAYING_HZ, 260) + silence(300))
        while len(told) < len(moments_s):
            async with asyncio.timeout(SOON_S):
                event: CallEvent = await anext(events)
            match event.WhichOneof("kind"):
                case "agent_state_changed" if (
                    event.agent_state_changed.state == call_pb2.AGENT_STATE_SPEAKING
                ):
                    saying.create_task(interrupt(caller, next(left_s)))
                case "interruption":
                    told.append(event.interruption)
    return told


def answers_end_ms(heard: Samples) -> list[float]:
    """Return at which of their places answers end.

    What does not begin where answers do goes on with the one before: a busy machine tears holes.
    """
    ends_ms: list[float] = []
    for begin, end in stretches(heard):
        first = heard[begin : min(end, begin + _PIECE)]
        begins_ms = place_ms(first) - first.size * 1000 / ROOM_RATE_HZ
        end_ms = place_ms(heard[max(begin, end - _PIECE) : end])
        if ends_ms and begins_ms > _BEGINS_WITHIN_MS:
            ends_ms[-1] = end_ms
        else:
            ends_ms.append(end_ms)
    return ends_ms


async def test_the_model_is_cut_where_the_caller_stopped_hearing_at_thirty_moments(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    chance = random.Random(7)  # noqa: S311 - the same moments each time
    off_ms: list[float] = []

    async def one_call(client: BridgeClient) -> None:
        moments_s = [chance.uniform(0.35, 2.0) for _ in range(_TIMES_A_CALL)]
        async with called(client) as (created, caller):
            await ready(client, created.connection_id)
            told = await interruptions(client, created.connection_id, caller, moments_s)
            await asyncio.sleep(0.2)  # what was on its way to the caller
            heard = caller.heard.samples
        cuts = {cut.item_id: cut.audio_end_ms for cut in simulator.totals.truncations}
        ends_ms = answers_end_ms(heard)[:_TIMES_A_CALL]
        assert len(ends_ms) == len(told) == _TIMES_A_CALL
        for interruption, end_ms in zip(told, ends_ms, strict=True):
            assert cuts[interruption.item_id] == interruption.heard_ms
            off_ms.append(interruption.heard_ms - end_ms)

    async with (
        bridge_process(livekit_server, simulator.url, tmp_path / "bridge.log") as bridge,
        BridgeClient(bridge.address) as client,
        asyncio.TaskGroup() as calls,
    ):
        for _ in range(_CALLS):
            calls.create_task(one_call(client))
    assert len(off_ms) == _CALLS * _TIMES_A_CALL
    assert max(map(abs, off_ms)) <= _WITHIN_MS, sorted(off_ms)
