"""A process that says what a test wants it to say."""

from bridge.errors import Refusal
from bridge.ports.process import LogLevel, ProcessDump
from bridge.stacks import Stack


class FakeProcess:
    """Implements Process."""

    def __init__(self, pid: int = 7, refusal: Refusal | None = None) -> None:
        self.refusal = refusal
        self.levels: list[LogLevel] = []
        self._dump = ProcessDump(
            pid, (Stack("call call-1", ("call.py:1 Call.run",)),), (Stack("MainThread", ()),)
        )

    async def set_log_level(self, level: LogLevel) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.levels.append(level)

    async def dump(self) -> ProcessDump:
        if self.refusal is not None:
            raise self.refusal
        return self._dump
