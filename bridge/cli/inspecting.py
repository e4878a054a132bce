"""Which processes does a server look into, and who is told of a new log level later?"""

import os
from collections.abc import Mapping
from typing import Final

from bridge.cli.carriers import Carriers
from bridge.inspection import Inspection
from bridge.own_process import OwnProcess
from bridge.ports.process import LogLevel, Process

_FRONT: Final = "front"
_VARIABLE: Final = "MEDIABRIDGE_LOG_LEVEL"


def inspection_of(carriers: Carriers | None) -> Inspection:
    """Look into this process, and into its workers as they come and go."""

    def processes() -> Mapping[str, Process]:
        found: dict[str, Process] = {_FRONT: OwnProcess()}
        if carriers is not None and carriers.fleet is not None:
            lives = carriers.fleet.lives.values()
            found |= {life.host_id: life.host for life in lives if life.ready.is_set()}
        return found

    return Inspection(processes, _remember)


def _remember(level: LogLevel) -> None:
    """Let workers that are started from now on begin with it: they have our environment."""
    os.environ[_VARIABLE] = level.value
