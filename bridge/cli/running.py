"""How does a command end: on Ctrl-C and SIGTERM alike it tidies up, then says so by its status."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

_Result = TypeVar("_Result")

# What a shell reports of a program that died of the signal.
_INTERRUPTED: Final = 128 + signal.SIGINT
_TERMINATED: Final = 128 + signal.SIGTERM


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run `work` to its end and return what it does; a signal cancels it and exits."""
    try:
        return asyncio.run(_cancelled_by_sigterm(work))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except asyncio.CancelledError:
        sys.exit(_TERMINATED)


async def _cancelled_by_sigterm(work: Coroutine[Any, Any, _Result]) -> _Result:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await work
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def stop_asked_for() -> asyncio.Event:
    """Return what Ctrl-C and SIGTERM set, which from now on mean no more than that."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    return asked
