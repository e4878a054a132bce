"""`mediabridge doctor`: all is well where it is, and what is broken is named."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.room.service import LiveKitRooms
from bridge.simulator import Simulator
from tests.e2e.rig import AGENTS, SOON_S, free_port
from tests.livekit_server import LiveKitServer

pytestmark = pytest.mark.e2e


@dataclass(frozen=True, slots=True)
class Examined:
    """What the command said."""

    status: int
    findings: dict[str, dict[str, str]]
    output: str

    def failed(self) -> set[str]:
        return {name for name, one in self.findings.items() if one["health"] == "failed"}


async def examined(environment: dict[str, str], *, limit: str = "") -> Examined:
    command = [sys.executable, "-m", "bridge.cli.main", "doctor", "--json"]
    if limit:
        command = ["sh", "-c", f'{limit} && exec "$@"', "sh", *command]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(2 * SOON_S):
        output, _ = await process.communicate()
    text = output.decode()
    found = {one["check"]: one for one in json.loads(text[text.index("[") :])}
    assert process.returncode is not None
    return Examined(process.returncode, found, text)


def healthy(livekit: LiveKitServer, model_url: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "LIVEKIT_SERVER_URL": livekit.url,
        "LIVEKIT_API_KEY": livekit.api_key,
        "LIVEKIT_API_SECRET": livekit.api_secret,
        "OPENAI_BASE_URL": model_url,
        "MEDIABRIDGE_LISTEN": f"127.0.0.1:{free_port()}",
        "MEDIABRIDGE_AGENTS_DIR": str(AGENTS),
    }


async def test_where_everything_works_nothing_is_wrong_and_nothing_is_left_behind(
    livekit_server: LiveKitServer, simulator: Simulator
) -> None:
    environment = healthy(livekit_server, simulator.url)
    host_id = {"MEDIABRIDGE_HOST_ID": "examined"}
    found = await examined(environment | host_id)
    assert found.status == 0
    assert {one["health"] for one in found.findings.values()} <= {"ok", "skipped"}
    for check in ("livekit", "livekit-clock", "livekit-keys", "livekit-media", "model", "agents"):
        assert found.findings[check]["health"] == "ok"
    keys = livekit_server.api_key, livekit_server.api_secret
    async with LiveKitRooms(livekit_server.url, *keys, "examined") as rooms:
        assert await rooms.owned() == []


async def test_what_is_broken_is_named_all_at_once(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> None:
    wrong = "a-wrong-secret-of-at-least-32-characters"
    broken = {
        "LIVEKIT_API_SECRET": wrong,
        "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1",
        "MEDIABRIDGE_AGENTS_DIR": str(tmp_path),
        "MEDIABRIDGE_TLS_CERT": str(tmp_path / "tls.crt"),
        "MEDIABRIDGE_TLS_KEY": str(tmp_path / "tls.key"),
        "MEDIABRIDGE_KEYS_FILE": str(tmp_path / "keys.json"),
        "MEDIABRIDGE_SLOTS": "100",
    }
    found = await examined(healthy(livekit_server, simulator.url) | broken, limit="ulimit -n 256")
    assert found.status == 1
    assert found.failed() == {
        *("livekit-keys", "model", "agents", "tls", "keys", "file-descriptors")
    }
    assert found.findings["livekit"]["health"] == "ok"
    assert all(found.findings[check]["advice"] for check in found.failed())
    assert wrong not in found.output
