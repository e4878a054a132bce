"""`mediabridge serve` as it is, but that the workers it starts are simulated."""

import sys
from pathlib import Path

import uvloop

from bridge.cli import carriers
from bridge.cli.serve import serve
from bridge.ports.host import Epoch, HostId
from bridge.settings import Settings


def _launching(host_id: HostId, epoch: Epoch, socket: Path, front: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "bench.front.worker"),
        *("--host-id", host_id, "--epoch", str(epoch)),
        *("--socket", str(socket), "--front", str(front)),
    ]


if __name__ == "__main__":
    setattr(carriers, "launching", _launching)  # noqa: B010 - not its to export
    uvloop.run(serve(Settings.load()))
