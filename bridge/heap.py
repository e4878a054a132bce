"""How is memory given back that nobody uses any more? glibc keeps it, unless it is told otherwise.

A call's objects know each other, and with them its room's native handles wait for a collection of
Python's. The LiveKit SDK's native threads hold a room's memory for ten seconds more. Then they free
it into arenas of the allocator, which keeps the pages. Nothing of that leaks, and up to 50 MB were
kept (2026-11-24). Elsewhere than on glibc pages are not given back.
"""

import asyncio
import ctypes
import gc
import os
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Final, NoReturn

from bridge.logs import get_logger
from bridge.ports.clock import Clock

_log = get_logger(__name__)

# Longer than native threads hold what they no longer need. What is trimmed sooner comes to nothing.
TRIM_S: Final = 15.0

# Of mallopt(3). The default is eight for each core, and free pages lie about in each of them.
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_ARENAS_VARIABLE: Final = "MALLOC_ARENA_MAX"


def share_arenas() -> None:
    """Let threads share a few arenas; to be called before they are started.

    What an operator has set stays.
    """
    if _ARENAS_VARIABLE not in os.environ and (libc := _glibc()) is not None:
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def collect() -> None:
    """Collect Python's garbage: milliseconds, where what was loaded is frozen."""
    began_s = time.monotonic()
    collected = gc.collect()
    _log.debug("garbage collected", objects=collected, took_ms=_ms_since(began_s))


async def trim() -> None:
    """Give free pages back, in a thread: it takes milliseconds, and not Python's lock."""
    if (libc := _glibc()) is not None:
        began_s = time.monotonic()
        await asyncio.to_thread(libc.malloc_trim, 0)
        _log.debug("memory trimmed", took_ms=_ms_since(began_s))


async def keep_trimmed(
    ended: Callable[[], int],
    clock: Clock,
    collect: Callable[[], None] = collect,
    trim: Callable[[], Awaitable[None]] = trim,
) -> NoReturn:
    """Collect what ended calls have left, trim `TRIM_S` later, neither more often; until cancelled.

    :param ended: how many calls have ended so far.
    """
    trimmed = collected = ended()
    while True:
        await clock.sleep(TRIM_S)
        if collected != trimmed:
            await trim()
            trimmed = collected
        if ended() != collected:
            collected = ended()
            collect()


def _ms_since(began_s: float) -> float:
    return round((time.monotonic() - began_s) * 1000, 1)


@cache
def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
