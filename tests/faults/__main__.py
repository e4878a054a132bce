"""`make faults`: every fault, one after the other, as a table in Markdown. Takes ten minutes."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.machine import description
from bridge import logs
from tests.faults.distance import NETWORKS, endured
from tests.faults.faults import FAULTS
from tests.faults.link import NEAR_ADDRESS, NEAR_DEVICE, is_possible, linked
from tests.faults.measure import broken_promises, suffered
from tests.faults.row import HEADER
from tests.livekit_server import LiveKitServer, find_server


async def _table(words: list[str]) -> int:
    """Print the rows of the faults whose names hold one of these words; all without any.

    Return how many promises were broken.
    """
    broken = 0
    print(HEADER)
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "bridge.log"
        for fault in FAULTS:
            if _is_wanted(fault.name, words) and fault.is_possible():
                with _livekit() as livekit:
                    seen = await suffered(fault, livekit, log)
                print(seen.row(fault), flush=True)
                broken += _complain(fault.name, broken_promises(fault, seen))
        for network in NETWORKS:
            if _is_wanted(str(network), words) and is_possible():
                with linked() as link, _livekit(NEAR_ADDRESS, NEAR_DEVICE) as livekit:
                    far = await endured(network, link, livekit, log)
                print(far.row, flush=True)
                too_little = far.heard_share < network.heard_share
                broken += _complain(str(network), ["too little is heard"] * too_little)
                untried = bool(network.loss) and not link.lost
                broken += _complain(str(network), ["no packet was lost"] * untried)
    print(f"\n{description()}")
    return broken


@contextmanager
def _livekit(address: str = "127.0.0.1", device: str = "lo") -> Iterator[LiveKitServer]:
    binary = find_server()
    assert binary is not None, "no livekit-server: `make livekit`"
    server = LiveKitServer(binary, address=address, device=device)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _is_wanted(name: str, words: list[str]) -> bool:
    return not words or any(word in name for word in words)


def _complain(name: str, broken: list[str]) -> int:
    for promise in broken:
        print(f"{name}: {promise}", file=sys.stderr)
    return len(broken)


if __name__ == "__main__":
    logs.configure("error", "auto")
    sys.exit(1 if asyncio.run(_table(sys.argv[1:])) else 0)
