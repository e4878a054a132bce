"""`make overload` and `make soak`: for longer than CI has time."""

import asyncio
import sys
import tempfile
from pathlib import Path

from bench.machine import Watch, description
from bridge import logs
from tests.livekit_server import LiveKitServer, find_server
from tests.load.overload import overloaded
from tests.load.soak import soaked


async def _measure(what: str, seconds: float) -> None:
    binary = find_server()
    assert binary is not None, "no livekit-server: `make livekit`"
    livekit = LiveKitServer(binary)
    livekit.start()
    watch = Watch(())
    try:
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "bridge.log"
            measure = {"overload": overloaded, "soak": soaked}[what]
            print(await measure(livekit, log, seconds))
    finally:
        livekit.stop()
    print(f"\n{description()}; others used {watch.load().others:.2f} cores meanwhile")


if __name__ == "__main__":
    logs.configure("error", "auto")
    asyncio.run(_measure(sys.argv[1], float(sys.argv[2])))
