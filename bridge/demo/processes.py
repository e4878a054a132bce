"""How does the demo run other programs: started apart, watched, and ended by their id."""

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self, TypeVar

from bridge.groups import first_error

_GONE_WITHIN_S: Final = 15.0
_TAIL_LINES: Final = 20
_TAIL_BYTES: Final = 16_384
# A starting process offers nothing to wait on but its port.
_POLL_S: Final = 0.05

_Result = TypeVar("_Result")


class PartFailed(Exception):
    """A part of the demo ended, or did not become ready; the message holds its last log lines."""

    def __init__(self, name: str, what: str, tail: str) -> None:
        said = f", its last words:\n{tail}" if tail else ", without a word"
        super().__init__(f"{name} {what}{said}")
        self.name = name
        self.tail = tail


class Child:
    """One process, its output in `log`; `async with` starts it and ends it."""

    def __init__(
        self, name: str, argv: Sequence[str | Path], environ: Mapping[str, str], log: Path
    ) -> None:
        """Prepare to run `argv`. Secrets belong in `environ`: any user of the machine sees argv."""
        self.name = name
        self._argv = [str(word) for word in argv]
        self._environ = dict(environ)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        # Read by the owner only: what a part prints is its own business.
        descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *_dying_with_us(),
                *self._argv,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                # Ctrl-C reaches the whole foreground group; parts end in order, when we say so.
                start_new_session=True,
            )
        except OSError as error:
            raise PartFailed(self.name, f"could not be started ({error})", "") from error
        finally:
            os.close(descriptor)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def has_ended(self) -> bool:
        return self._running.returncode is not None

    async def stop(self) -> None:
        """End the process: asked first, forced after a while. Again is no error."""
        if self._process is None or self.has_ended:
            return
        _signal(self._process, signal.SIGTERM)
        try:
            async with asyncio.timeout(_GONE_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            # Also when we are cancelled meanwhile: nothing may be left behind.
            if not self.has_ended:
                _signal(self._process, signal.SIGKILL)
        await self._process.wait()

    async def died(self) -> NoReturn:
        """Wait until the process ends by itself, and raise PartFailed."""
        status = await self._running.wait()
        raise PartFailed(self.name, f"ended with status {status}", self.tail())

    async def ready(self, is_ready: Callable[[], Awaitable[bool]], within_s: float) -> None:
        """Wait until `is_ready` says so; raises PartFailed when it ends or takes too long."""
        try:
            async with asyncio.timeout(within_s):
                while not await is_ready():
                    if self.has_ended:
                        await self.died()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise PartFailed(
                self.name, f"was not ready within {within_s:.0f} s", self.tail()
            ) from None

    def tail(self) -> str:
        """Return the last lines of the log."""
        try:
            with self._log.open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - _TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-_TAIL_LINES:])

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process


def _dying_with_us() -> list[str]:
    """Return what makes the kernel end a child whose parent was killed, where that is known."""
    setpriv = shutil.which("setpriv")  # of util-linux; it becomes the program, by exec
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


async def guarded(work: Coroutine[object, object, _Result], children: Sequence[Child]) -> _Result:
    """Return what `work` returns, unless a child ends first: then raise PartFailed instead."""
    result: list[_Result] = []
    try:
        async with asyncio.TaskGroup() as tasks:
            watchers = [
                tasks.create_task(child.died(), name=f"watch {child.name}") for child in children
            ]
            result.append(await work)
            for watcher in watchers:
                watcher.cancel()
    except BaseExceptionGroup as group:
        # A part that died explains whatever else went wrong because of it.
        failed = group.subgroup(PartFailed)
        raise first_error(failed or group) from None
    return result[0]


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        return
