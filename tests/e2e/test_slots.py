"""How many calls there can be: exactly as many as there are slots, over and over again."""

import asyncio
import gc
from pathlib import Path

import psutil
import pytest

from bridge.client import BridgeClient, ResourceExhaustedError
from bridge.simulator import Simulator
from bridge.v1.call_service_pb2 import CreateRoomResponse
from tests.e2e.rig import bridge_process, called, ready
from tests.livekit_server import LiveKitServer

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]

_SLOTS = 3
_CALLS = 200


async def test_one_call_too_many_is_refused_and_all_others_begin(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    async with (
        bridge_process(
            livekit_server, simulator.url, tmp_path / "bridge.log", MEDIABRIDGE_SLOTS=str(_SLOTS)
        ) as bridge,
        BridgeClient(bridge.address) as client,
    ):
        for _ in range(3):
            answers = await asyncio.gather(
                *(client.create_room(f"Caller {n}", "tester") for n in range(_SLOTS + 1)),
                return_exceptions=True,
            )
            begun = [answer for answer in answers if isinstance(answer, CreateRoomResponse)]
            (refused,) = [answer for answer in answers if isinstance(answer, BaseException)]
            assert len(begun) == _SLOTS
            assert isinstance(refused, ResourceExhaustedError)
            assert refused.reason == "NO_FREE_SLOT"
            assert refused.retry_after is not None
            assert (await client.stats()).slots_free == 0
            await asyncio.gather(*(client.end_call(one.connection_id) for one in begun))
            assert (await client.stats()).slots_free == _SLOTS


async def test_nothing_is_left_of_two_hundred_calls_one_after_the_other(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    async with (
        bridge_process(livekit_server, simulator.url, tmp_path / "bridge.log") as bridge,
        BridgeClient(bridge.address) as client,
    ):
        process = psutil.Process(bridge.pid)

        async def call(*, joins: bool) -> None:
            if joins:
                async with called(client) as (created, _):
                    await ready(client, created.connection_id)
            else:
                created = await client.create_room("Ada", "tester")
                await ready(client, created.connection_id)
            await client.end_call(created.connection_id)

        for _ in range(20):
            await call(joins=False)
        before = await _settled(process)
        for number in range(_CALLS):
            await call(joins=number % 20 == 0)
        after = await _settled(process)
        assert after.descriptors <= before.descriptors + 3
        assert after.threads <= before.threads + 3
        stats = await client.stats()
        assert stats.slots_free == stats.slots_total
        assert stats.calls_created == _CALLS + 20
        assert sum(stats.calls_ended.values()) == _CALLS + 20
        assert simulator.totals.sessions_open == 0


class _Footprint:
    def __init__(self, process: psutil.Process) -> None:
        self.descriptors = process.num_fds()
        self.threads = process.num_threads()


async def _settled(process: psutil.Process) -> _Footprint:
    """Return what the process holds once WebRTC's threads of the last calls are gone."""
    gc.collect()
    lowest = _Footprint(process)
    for _ in range(40):
        await asyncio.sleep(0.25)  # native threads offer nothing to wait on
        now = _Footprint(process)
        if now.threads < lowest.threads:
            lowest = now
    return lowest
