"""Which of our stages did Python's time go to? Samples of py-spy, by the file they fell into."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_RATE_HZ: Final = 250

# A sample belongs to the innermost of its frames that is in one of these places.
_STAGES: Final[Mapping[str, str]] = {
    "bridge/room/": "room: FFI requests and events",
    "rtc/": "room: FFI requests and events",
    "bridge/media/": "media: mix, levels, resampling, playout",
    "bridge/calls/": "calls: conversation, turns, journal",
    "bridge/model/": "model: socket, JSON, session",
    "websockets/": "model: socket, JSON, session",
    "bench/": "the echo bot's own",
    "bridge/api/": "gRPC",
    "bridge/workers/": "gRPC",
    "grpc/": "gRPC",
}
LOOP: Final = "the loop itself"
STAGES: Final = (LOOP, *dict.fromkeys(_STAGES.values()))


async def sample(pid: int, seconds: float, folder: Path) -> Counter[str]:
    """Return how many samples of a running process fell into each stage."""
    out = folder / "samples.txt"
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "py-spy"),
        *("record", "--pid", str(pid), "--duration", str(round(seconds))),
        *("--rate", str(_RATE_HZ), "--format", "raw", "--output", str(out)),
        # Only samples that hold the interpreter's lock: uvloop's waiting looks like work else.
        *("--gil", "--threads"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"py-spy failed: {said.decode()[-500:]}")
    return by_stage(out.read_text().splitlines())


def by_stage(lines: Iterable[str]) -> Counter[str]:
    """Sort the main thread's stacks: one a line, outermost frame first, a count at the end."""
    stages: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if thread.endswith("MainThread"):
            stages[_stage(frames)] += int(count)
    return stages


def _stage(frames: list[str]) -> str:
    for frame in reversed(frames):
        for place, stage in _STAGES.items():
            if f"({place}" in frame:
                return stage
    return LOOP
