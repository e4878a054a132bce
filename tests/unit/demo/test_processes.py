"""Do parts start, end and die as they are told to?"""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bridge.demo.livekit import LiveKitServer
from bridge.demo.processes import Child, PartFailed, guarded


def child(tmp_path: Path, script: str) -> Child:
    environ = {"PATH": "/usr/bin:/bin"}
    return Child("part", ["/bin/sh", "-c", script], environ, tmp_path / "logs" / "part.log")


async def never() -> bool:
    return False


async def test_leaving_ends_the_process(tmp_path: Path) -> None:
    async with child(tmp_path, "exec sleep 600") as part:
        pid = part.pid
    assert part.has_ended
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_process_that_will_not_go_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.demo.processes._GONE_WITHIN_S", 0.05)
    ready = tmp_path / "ready"
    stubborn = f'trap "" TERM; : > {ready}; while :; do sleep 0.01; done'

    async def trapped() -> bool:
        return ready.exists()

    async with child(tmp_path, stubborn) as part:
        await part.ready(trapped, 5)
    assert part.has_ended


async def test_a_part_that_ends_while_starting_says_why(tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match=r"(?s)part ended with status 3.*port is taken"):
        async with child(tmp_path, "echo port is taken; exit 3") as part:
            await part.ready(never, 5)


async def test_a_part_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    async with child(tmp_path, "exec sleep 600") as part:
        with pytest.raises(PartFailed, match="was not ready"):
            await part.ready(never, 0.01)


async def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    nowhere = Child("part", [tmp_path / "nothing"], {}, tmp_path / "part.log")
    with pytest.raises(PartFailed):
        async with nowhere as part:
            await part.ready(never, 5)


async def test_work_ends_when_a_part_dies(tmp_path: Path) -> None:
    async def work() -> None:
        os.kill(part.pid, signal.SIGKILL)
        await asyncio.Event().wait()

    async with child(tmp_path, "echo last words; exec sleep 600") as part:
        with pytest.raises(PartFailed) as failed:
            await guarded(work(), [part])
    assert failed.value.name == "part"
    assert "status -9" in str(failed.value)


async def test_work_that_ends_returns_what_it_found(tmp_path: Path) -> None:
    async def work() -> int:
        return 7

    async with child(tmp_path, "exec sleep 600") as part:
        assert await guarded(work(), [part]) == 7
        assert not part.has_ended


async def test_work_that_fails_raises_its_own_error(tmp_path: Path) -> None:
    async def work() -> None:
        raise LookupError("mine")

    async with child(tmp_path, "exec sleep 600") as part:
        with pytest.raises(LookupError, match="mine"):
            await guarded(work(), [part])


async def test_the_log_is_read_by_its_owner_only(tmp_path: Path) -> None:
    async with child(tmp_path, "exec sleep 600"):
        mode = (tmp_path / "logs" / "part.log").stat().st_mode
    assert mode & 0o077 == 0


async def test_a_server_that_cannot_start_is_tried_again_then_given_up(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    fake = tmp_path / "livekit-server"
    fake.write_text(f"#!/bin/sh\necho x >> {tries}\necho no ports left\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(PartFailed, match="no ports left"):
        async with LiveKitServer(fake):
            pass
    assert len(tries.read_text().split()) == 3


async def test_the_servers_keys_are_in_no_argument(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    fake = tmp_path / "livekit-server"
    fake.write_text(f'#!/bin/sh\necho "$# $LIVEKIT_CONFIG" > {seen}\nexit 1\n')
    fake.chmod(0o755)
    server = LiveKitServer(fake)
    with pytest.raises(PartFailed):
        await server.__aenter__()
    said = seen.read_text()
    assert said.startswith("0 ")
    assert f"{server.api_key}: {server.api_secret}" in said
    assert len(server.api_secret) >= 32
