"""What can be asked of a process of ours, beside what it does for calls."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bridge.stacks import Stack


class LogLevel(Enum):
    """How much is logged; the values are those of the settings."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ProcessDump:
    """What a process is at."""

    pid: int
    tasks: tuple[Stack, ...]
    threads: tuple[Stack, ...]


class Process(Protocol):
    """A process of this server."""

    async def set_log_level(self, level: LogLevel) -> None:
        """
        :raises Unavailable: it does not answer.
        """
        ...

    async def dump(self) -> ProcessDump:
        """
        :raises Unavailable: it does not answer.
        """
        ...
