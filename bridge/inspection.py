"""What are all processes of a server at, and how much do they log? Asked while they serve."""

import asyncio
from collections.abc import Callable, Mapping
from typing import NoReturn

from bridge import logs
from bridge.errors import Refusal
from bridge.logs import get_logger
from bridge.ports.process import LogLevel, Process, ProcessDump

_log = get_logger(__name__)


class Inspection:
    """Asks every process there is now. `remember` is told of a level for those that come later."""

    def __init__(
        self, processes: Callable[[], Mapping[str, Process]], remember: Callable[[LogLevel], None]
    ) -> None:
        self._processes = processes
        self._remember = remember
        self._asked = asyncio.Event()

    async def set_log_level(self, level: LogLevel) -> LogLevel:
        """Let all of them log so much; return how much this one did before.

        :raises Unavailable: one of them does not answer; the others log as asked.
        """
        previous = LogLevel(logs.level())
        self._remember(level)
        changing = (process.set_log_level(level) for process in self._processes().values())
        outcomes = await asyncio.gather(*changing, return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        _log.warning("log level changed", level=level.value, previous=previous.value)
        return previous

    async def dump(self) -> dict[str, ProcessDump | Refusal]:
        """Return what each is at, or why that is not known."""
        processes = self._processes()
        dumps = await asyncio.gather(*(_dump(process) for process in processes.values()))
        return dict(zip(processes, dumps, strict=True))

    def ask_for_log(self) -> None:
        """Have `keep_logging` write down what all of them are at."""
        self._asked.set()

    async def keep_logging(self) -> NoReturn:
        """Write down what all are at whenever that is asked for, a line each task and thread."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            for name, dump in (await self.dump()).items():
                _write_down(name, dump)


async def _dump(process: Process) -> ProcessDump | Refusal:
    try:
        return await process.dump()
    except Refusal as refusal:
        return refusal


def _write_down(name: str, dump: ProcessDump | Refusal) -> None:
    if isinstance(dump, Refusal):
        _log.warning("process does not say what it is at", process=name, reason=dump.reason)
        return
    for kind, stacks in (("task", dump.tasks), ("thread", dump.threads)):
        for stack in stacks:
            _log.info(kind, process=name, pid=dump.pid, name=stack.name, frames=stack.frames)
