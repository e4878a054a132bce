"""The image and the compose file, as far as they go without an engine: built, run, asked, called.

The image's steps are run below a folder; then its own programs are the services that compose.yaml
names, with its environment, on other ports.
"""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from google.protobuf.json_format import MessageToJson

from bridge.client import BridgeClient
from bridge.demo.livekit import VERSION
from tests.e2e.container import ROOT, Stage, build, copy_in, moved, stages
from tests.e2e.rig import SOON_S, ended, free_port
from tests.livekit_server import API_SECRET, LiveKitServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

CONTAINERFILE: Final = (ROOT / "Containerfile").read_text()
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_the_image_is_nobody_s_in_particular_and_holds_no_tools_to_build_with() -> None:
    *_, final = stages(CONTAINERFILE)
    assert final.last("USER") == "10001:10001"
    assert [name for name, _ in final.steps].count("RUN") == 0
    assert "--without-pip /opt/mediabridge" in CONTAINERFILE
    assert not {name for name in final.environment() if re.search("KEY|SECRET|TOKEN", name)}


def test_compose_runs_the_livekit_that_is_tested_with() -> None:
    assert COMPOSE["services"]["livekit"]["image"].endswith(f"livekit-server:{VERSION}")


def test_nothing_is_reachable_from_beyond_the_machine_and_nobody_may_more_than_needed() -> None:
    services = COMPOSE["services"]
    livekit = yaml.safe_load(filled(services["livekit"]["environment"]["LIVEKIT_CONFIG"]))
    assert livekit["bind_addresses"] == ["127.0.0.1"]
    assert services["bridge"]["environment"]["MEDIABRIDGE_LISTEN"].startswith("127.0.0.1:")
    for service in services.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_only_what_is_copied_goes_to_the_builder() -> None:
    ignored = (ROOT / ".containerignore").read_text()
    copied = {
        source
        for stage in stages(CONTAINERFILE)
        for name, said in stage.steps
        if name == "COPY" and not said.startswith("--from")
        for source in said.split()[:-1]
    }
    assert {line[1:] for line in ignored.splitlines() if line.startswith("!")} == copied


def filled(text: str, **environment: str) -> str:
    """Return the text with its variables replaced, as compose does."""

    def value(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(3) or ""
        return environment.get(name, default if match.group(2) == ":-" else "x" * 32)

    return re.sub(r"\$\{(\w+)(:-|:\?)([^}]*)\}", value, text)


class Machine:
    """Where the image is laid out, and its programs run."""

    def __init__(self, root: Path, image: Stage) -> None:
        self._root = root
        self._image = image

    @asynccontextmanager
    async def running(
        self, command: list[str], environment: Mapping[str, str]
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a service until the context ends, and then stop it as an engine does."""
        process = await self._start(command, environment)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.Signals[self._image.last("STOPSIGNAL")])
                async with asyncio.timeout(SOON_S):
                    await process.wait()

    async def run(self, command: list[str], told: str = "") -> tuple[int | None, str]:
        """Return the status of a program, and what it says to what it is told."""
        process = await self._start(command, {}, asyncio.subprocess.PIPE)
        said, _ = await process.communicate(told.encode())
        return process.returncode, said.decode()

    async def _start(
        self, command: list[str], environment: Mapping[str, str], pipe: int | None = None
    ) -> asyncio.subprocess.Process:
        own = {name: moved(value, self._root) for name, value in self._image.environment().items()}
        own["PATH"] = own["PATH"].replace("$PATH", os.environ["PATH"])
        program = self._root / "opt/mediabridge/bin" / command[0]
        assert program.exists()
        return await asyncio.create_subprocess_exec(
            program, *command[1:], env=own | dict(environment), stdin=pipe, stdout=pipe
        )


@pytest.fixture
async def machine(tmp_path: Path) -> Machine:
    building, final = stages(CONTAINERFILE)
    await build(building, tmp_path)
    copy_in(final, tmp_path)
    return Machine(tmp_path, final)


async def test_what_compose_starts_is_healthy_and_carries_a_call(
    machine: Machine, livekit_server: LiveKitServer, tmp_path: Path
) -> None:
    *_, image = stages(CONTAINERFILE)
    (program,), probe = image.words("ENTRYPOINT"), image.words("HEALTHCHECK")
    services, model_port, address = COMPOSE["services"], free_port(), f"127.0.0.1:{free_port()}"
    secret = tmp_path / "run/secrets/livekit_api_secret"
    secret.parent.mkdir(parents=True)
    secret.write_text(API_SECRET)
    said = {
        name: moved(filled(value or "", LIVEKIT_API_KEY=livekit_server.api_key), tmp_path)
        for name, value in services["bridge"]["environment"].items()
    }
    assert {"MEDIABRIDGE_LISTEN", "LIVEKIT_SERVER_URL", "OPENAI_BASE_URL"} <= said.keys()
    said |= {
        "MEDIABRIDGE_LISTEN": address,
        "LIVEKIT_SERVER_URL": livekit_server.url,
        "OPENAI_BASE_URL": said["OPENAI_BASE_URL"].replace("8090", str(model_port)),
    }
    model = [word.replace("8090", str(model_port)) for word in services["model"]["command"]]
    probe += ["--server", address]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(machine.running([program, *model], {}))
        bridge = await stack.enter_async_context(
            machine.running([program, *image.words("CMD")], said)
        )
        async with asyncio.timeout(3 * SOON_S):
            while (await machine.run(probe))[0] != 0:
                assert bridge.returncode is None
        async with BridgeClient(address) as client:
            created = await client.create_room("Ada", "greeter")
            caller = [program, "join", "--wav", str(ROOT / "bridge/demo/speech.wav")]
            status, heard = await machine.run(caller, MessageToJson(created))
            assert (status, "heard the agent" in heard) == (0, True)
            await client.end_call(created.connection_id)
            report = await ended(client, created.connection_id)
        assert report.media.played_out.seconds >= 2
    assert bridge.returncode == 0
    assert (tmp_path / "var/lib/mediabridge/calls.db").stat().st_size
    assert (await machine.run(probe))[0] == 1
