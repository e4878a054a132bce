"""How is a worker's process started?"""

import os
import sys
from pathlib import Path
from typing import Final

from bridge.ports.host import Epoch, HostId
from bridge.settings import Settings

_KEPT_BY_THE_FRONT: Final = "kept-by-the-front"


def launching(host_id: HostId, epoch: Epoch, socket: Path, front: Path) -> list[str]:
    """Return the command line that starts a worker: this Python, and nothing secret in it."""
    return [
        *(sys.executable, "-m", "bridge.cli.main", "worker"),
        *("--host-id", host_id, "--epoch", str(epoch)),
        *("--socket", str(socket), "--front", str(front)),
    ]


def environment(settings: Settings) -> dict[str, str]:
    """Return what a worker finds in its environment: with ephemeral keys no key of the provider's.

    Both names are given, because a file .env may name either: the environment stands above it.
    """
    if not settings.ephemeral_keys:
        return dict(os.environ)
    return {**os.environ, "OPENAI_API_KEY": _KEPT_BY_THE_FRONT, "OPENAI_API_KEY_FILE": ""}
