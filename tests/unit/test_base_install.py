"""Is the base install enough for callers, and as light as it says?

An installation is laid out of links: what `pip install mediabridge` brings, and nothing else.
"""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

import bridge

_DISTRIBUTION: Final = "mediabridge"
_SERVER_ONLY: Final = {"livekit", "numpy", "soxr", "openai", "pydantic", "aiohttp", "structlog"}

_PLACES_A_CALL: Final = """
import asyncio, sys
from bridge.client import BridgeClient
from bridge.testing import CallerJoins, CallerLeaves, ScriptedBridge

async def main() -> None:
    async with ScriptedBridge() as scripted, BridgeClient(scripted.target) as client:
        scripted.each_call(CallerJoins(), CallerLeaves())
        call = await client.create_room("Ada", "greeter")
        events = [event async for event in client.watch(call.connection_id)]
        print(events[-1].WhichOneof("kind"))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds bridge and what its base needs, to be put on the path."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "bridge").symlink_to(Path(bridge.__file__).parent)
    for name in needed():
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            if ".." not in file.parts:  # commands, which stand elsewhere
                link = folder / file
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(Path(str(distribution.locate_file(file))))
    return folder


def needed(extra: str = "") -> set[str]:
    """Return the distributions that the install with an extra brings, itself left out."""
    found: set[str] = set()
    ahead = [(_DISTRIBUTION, frozenset({"", extra}))]
    while ahead:
        distribution, extras = ahead.pop()
        for line in metadata.requires(distribution) or ():
            requirement = Requirement(line)
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            marker = requirement.marker
            is_wanted = marker is None or any(marker.evaluate({"extra": one}) for one in extras)
            if is_wanted and name not in found:
                found.add(name)
                ahead.append((name, frozenset({"", *requirement.extras})))
    return found


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        env={"PYTHONPATH": str(installed)},
        cwd=installed,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_base_install_brings_nothing_of_the_server() -> None:
    base = needed()
    assert {"grpcio", "protobuf", "click"} <= base
    assert not base & _SERVER_ONLY
    assert len(base) < 15


def test_a_call_is_placed_and_followed_with_the_base_install_alone(installed: Path) -> None:
    done = run(installed, "-c", _PLACES_A_CALL)
    assert (done.returncode, done.stdout) == (0, "ended\n"), done.stderr


@pytest.mark.parametrize("command", [(), ("watch",)])
def test_the_commands_of_callers_explain_themselves_with_the_base_install_alone(
    installed: Path, command: tuple[str, ...]
) -> None:
    done = run(installed, "-m", "bridge.cli.main", *command, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout


def test_what_needs_more_says_what_it_needs(installed: Path) -> None:
    done = run(installed, "-m", "bridge.cli.main", "serve")
    assert done.returncode != 0
    assert "mediabridge[server]" in done.stderr
    assert "Traceback" not in done.stderr
