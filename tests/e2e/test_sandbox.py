"""What a gateway's tests start, in any language: a sandbox, and a caller for their call."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToJson

from bridge.client import BridgeClient
from bridge.demo.stack import SPEECH, is_serving
from tests.e2e.rig import SOON_S, ended

pytestmark = pytest.mark.e2e

COMMAND = (sys.executable, "-m", "bridge.cli.main")


@asynccontextmanager
async def sandbox(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "sandbox",
        "--folder",
        str(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SOON_S):
            line = await process.stdout.readline()
        yield process, json.loads(line)["target"]
    finally:
        process.stdin.close()
        async with asyncio.timeout(SOON_S):
            await process.wait()


async def test_a_caller_joins_with_what_create_room_answered_and_hears_the_agent(
    tmp_path: Path,
) -> None:
    async with sandbox(tmp_path) as (process, target):
        async with BridgeClient(target) as client:
            created = await client.create_room("Ada", "greeter")
            joining = await asyncio.create_subprocess_exec(
                *COMMAND,
                *("join", "--wav", str(SPEECH)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            async with asyncio.timeout(60):
                said, _ = await joining.communicate(MessageToJson(created).encode())
            assert joining.returncode == 0
            assert b"heard the agent" in said
            await client.end_call(created.connection_id)
            report = await ended(client, created.connection_id)
        greeting, *answers = [turn.agent_text for turn in report.turns]
        assert greeting.startswith("Hello")
        assert answers[-1].startswith("You said")
    assert await process.wait() == 0
    assert not await is_serving(target)
