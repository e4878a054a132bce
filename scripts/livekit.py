"""Finds a LiveKit server, or builds one into the cache; prints where it is."""

import asyncio
import sys

from bridge.demo.livekit import NoServer
from bridge.demo.livekit_build import find_or_build


def _progress(elapsed_s: float, line: str) -> None:
    print(f"building livekit-server, {elapsed_s:.0f} s: {line}", file=sys.stderr, flush=True)


def main() -> None:
    try:
        print(asyncio.run(find_or_build(_progress)))
    except NoServer as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
