"""What does a file say now? One that is read again whenever it has changed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from bridge.files.changes import WatchedFiles
from bridge.files.checked import BadFile, Problem, read
from bridge.logs import get_logger
from bridge.ports.clock import Clock

# Often enough for somebody who edits a prompt and calls to hear it.
WATCH_EVERY_S: Final = 2.0

_log = get_logger(__name__)
_Read = TypeVar("_Read")


class WatchedFile(Generic[_Read]):
    """What one file says now. A mistake leaves what it said before in force."""

    def __init__(self, path: Path, parse: Callable[[str, bytes], _Read]) -> None:
        """Read the file. Blocks.

        :raises BadFile: it cannot be used.
        """
        self._path = path
        self._parse = parse
        self._changes = WatchedFiles(path)
        self._changes.have_changed()
        self._value = read(path, parse)
        self._problems: tuple[Problem, ...] = ()

    @property
    def value(self) -> _Read:
        return self._value

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the file as it is now."""
        return self._problems

    async def watch(self, clock: Clock, every_s: float = WATCH_EVERY_S) -> None:
        """Read the file whenever it has changed, until cancelled. Reads in a thread, not here."""
        while True:
            await clock.sleep(every_s)
            if await asyncio.to_thread(self._changes.have_changed):
                await self._read_again()

    async def _read_again(self) -> None:
        before = self._value
        try:
            self._value = await asyncio.to_thread(read, self._path, self._parse)
        except BadFile as bad:
            self._problems = bad.problems
            for problem in bad.problems:
                _log.warning("file refused", problem=str(problem))
        else:
            self._problems = ()
            if self._value != before:
                _log.info("file loaded", file=self._path.name)
