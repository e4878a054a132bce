"""What is this process at, and how much does it log?"""

import os

from bridge import logs
from bridge.ports.process import LogLevel, ProcessDump
from bridge.stacks import stacks_of_tasks, stacks_of_threads


class OwnProcess:
    """Implements Process for the one that asks."""

    async def set_log_level(self, level: LogLevel) -> None:
        logs.set_level(level.value)

    async def dump(self) -> ProcessDump:
        return ProcessDump(os.getpid(), tuple(stacks_of_tasks()), tuple(stacks_of_threads()))
