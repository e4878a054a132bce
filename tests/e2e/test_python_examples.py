"""The examples of the Python client, run as they are: on a live bridge, with a caller to hear."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from bridge.client import BridgeClient
from bridge.room.caller import Caller
from bridge.simulator import Simulator, SimulatorSettings
from tests.e2e.rig import SOON_S, bridge_process, hears, silence
from tests.livekit_server import LiveKitServer
from tests.tones import tone

pytestmark = pytest.mark.e2e

EXAMPLES: Final = Path(__file__).parents[2] / "clients/python/examples"
AGENT: Final = """
agentId: shop
name: Sam
languages: [en]
instructions: Look orders up.
greeting: {user_first: true}
turn_detection: {type: server_vad, silence_duration_ms: 200, prefix_padding_ms: 100}
tools:
  - name: find_order
    description: Finds an order.
    parameters: {type: object, properties: {number: {type: integer}}, required: [number]}
"""
MODEL: Final = """
rules:
  - when: {tool: find_order, output: on its way}
    say: {tone_hz: 900, duration_ms: 800, transcript: It is on its way}
  - when: any
    call: {tool: find_order, arguments: {number: 7}}
"""


class Program:
    """An example that runs, read line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self, words: str) -> str:
        """Wait for the next line that holds these words; return what stands behind them."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SOON_S):
            while line := (await self._process.stdout.readline()).decode().strip():
                if words in line:
                    return line.partition(words)[2].strip()
        raise AssertionError(f"it ended without {words!r}")

    async def rest(self) -> str:
        """Return what it says until it ends, which must be well."""
        async with asyncio.timeout(SOON_S):
            said, _ = await self._process.communicate()
        assert self._process.returncode == 0, said.decode()
        return said.decode()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)


@asynccontextmanager
async def example(name: str, address: str, *arguments: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        EXAMPLES / name,
        *arguments,
        env={"BRIDGE": address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Program(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@pytest.fixture
async def address(livekit_server: LiveKitServer, tmp_path: Path) -> AsyncIterator[str]:
    """Where a bridge is whose agent looks orders up whenever it is spoken to."""
    agents, script = tmp_path / "agents", tmp_path / "model.yaml"
    agents.mkdir()
    (agents / "shop.yaml").write_text(AGENT)
    script.write_text(MODEL)
    settings = SimulatorSettings(behaviour="script", script=script, first_delta_ms=0, speed=8)
    async with (
        Simulator(settings) as model,
        bridge_process(
            livekit_server, model.url, tmp_path / "bridge.log", MEDIABRIDGE_AGENTS_DIR=str(agents)
        ) as bridge,
    ):
        yield bridge.address


async def test_a_call_is_placed_followed_and_its_tool_served_by_the_examples(address: str) -> None:
    async with (
        example("serve_tool.py", address, "shop") as serving,
        example("place_call.py", address, "shop", "--name", "Ada") as placing,
    ):
        await serving.line("registered")
        connection_id = await placing.line("call")
        url, token = await placing.line("server"), await placing.line("token")
        async with (
            example("follow_call.py", address, connection_id) as following,
            Caller.join(url, token) as caller,
        ):
            await caller.wait_for_agent_track()
            await caller.play(tone(440, 400) + silence(400))
            assert await serving.line("asked by") == f"{connection_id} for 7"
            await hears(caller, 900)
            await following.line("agent: It is on its way")
            await following.line("dBFS, agent")  # figures, every second
            async with BridgeClient(address) as bridge:
                await bridge.end_call(connection_id)
            followed = await following.rest()
        summed_up = await placing.rest()
        serving.interrupt()
        await serving.rest()
    assert followed.splitlines()[-1].split()[1:] == ["ended"]
    assert "agent:  It is on its way" in summed_up
    assert summed_up.splitlines()[-1] == "END_REASON_API_ENDED"


async def test_what_an_example_is_refused_it_explains(address: str) -> None:
    async with example("place_call.py", address, "nobody") as placing:
        assert await placing.line("NOT_FOUND") == "(AGENT_NOT_FOUND): there is no agent nobody"
    async with example("place_call.py", address, "shop", "--name", "") as placing:
        assert await placing.line("participant_name") == ": required"
