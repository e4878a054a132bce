"""How is memory given back that nobody uses any more? glibc keeps it, unless it is told otherwise.

The LiveKit SDK's native threads hold a room's memory for ten seconds after it was left. Then they
free it into arenas of the allocator, which keeps the pages (2026-11-24: 0.4 to 0.9 MB a room, up to
50 MB in all). Elsewhere than on glibc nothing is done.
"""

import asyncio
import ctypes
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


async def trim() -> None:
    """Give free pages back, in a thread: it takes milliseconds, and not Python's lock."""
    if (libc := _glibc()) is not None:
        began_s = time.monotonic()
        await asyncio.to_thread(libc.malloc_trim, 0)
        _log.debug("memory trimmed", took_ms=round((time.monotonic() - began_s) * 1000, 1))


async def keep_trimmed(
    ended: Callable[[], int], clock: Clock, trim: Callable[[], Awaitable[None]] = trim
) -> NoReturn:
    """Trim once calls have been over for `TRIM_S`, and no more often than that, until cancelled.

    :param ended: how many calls have ended so far.
    """
    trimmed = settled = ended()
    while True:
        await clock.sleep(TRIM_S)
        if settled != trimmed:
            await trim()
            trimmed = settled
        settled = ended()


@cache
def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
