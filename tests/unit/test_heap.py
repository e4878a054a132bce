"""Memory that calls have left is given back: late enough, seldom enough, and for real."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.heap import TRIM_S, keep_trimmed
from tests.fakes.clock import FakeClock

_PAGES_COME_BACK = """
import asyncio, ctypes, psutil
from bridge import heap
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
held = [libc.malloc(1000) for _ in range(40_000)]
for address in held[:-1]:  # the last one stays: what is free lies below it
    libc.free(ctypes.c_void_p(address))
before = psutil.Process().memory_info().rss
asyncio.run(heap.trim())
print(before - psutil.Process().memory_info().rss)
"""
_THREADS_ALLOCATE = """
import ctypes, sys, threading
from bridge import heap
heap.share_arenas()
libc, together = ctypes.CDLL(None), threading.Barrier(8)
def allocate():
    together.wait()
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_stats()
"""


class _Host:
    def __init__(self) -> None:
        self.ended = 0
        self.collected = 0
        self.trimmed = 0

    def collect(self) -> None:
        self.collected += 1

    async def trim(self) -> None:
        self.trimmed += 1


@asynccontextmanager
async def _trimming(host: _Host, clock: FakeClock) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_trimmed(lambda: host.ended, clock, host.collect, host.trim))
        await clock.advance(0)
        yield
        task.cancel()


async def test_memory_is_trimmed_once_a_call_has_been_over_for_a_while() -> None:
    host, clock = _Host(), FakeClock()
    async with _trimming(host, clock):
        await clock.advance(TRIM_S / 2)
        host.ended = 1
        await clock.advance(TRIM_S)
        assert (host.collected, host.trimmed) == (1, 0)
        await clock.advance(TRIM_S / 2)
        assert (host.collected, host.trimmed) == (1, 1)
        await clock.advance(10 * TRIM_S)
        assert (host.collected, host.trimmed) == (1, 1)


async def test_calls_that_end_all_the_time_have_memory_trimmed_no_more_often() -> None:
    host, clock = _Host(), FakeClock()
    async with _trimming(host, clock):
        for _ in range(100):
            host.ended += 1
            await clock.advance(TRIM_S / 10)
    assert (host.collected, host.trimmed) == (10, 9)


async def test_nothing_is_trimmed_while_calls_go_on() -> None:
    host, clock = _Host(), FakeClock()
    host.ended = 3  # before
    async with _trimming(host, clock):
        await clock.advance(10 * TRIM_S)
    assert (host.collected, host.trimmed) == (0, 0)


def test_trimming_gives_back_what_is_free_below_what_is_not() -> None:
    given_back = int(_run(_PAGES_COME_BACK).stdout.splitlines()[-1])
    assert given_back > 30_000_000


def test_threads_share_two_arenas() -> None:
    said = _run(_THREADS_ALLOCATE).stderr
    assert said.count("Arena ") == 2


def test_an_operators_number_of_arenas_stays() -> None:
    said = _run(_THREADS_ALLOCATE, MALLOC_ARENA_MAX="4").stderr
    assert said.count("Arena ") == 4


def _run(program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
