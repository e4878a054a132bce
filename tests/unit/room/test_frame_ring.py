"""Frames pass from any thread to one reader: in order, bounded, waking it only where it waits."""

import asyncio
import threading

import pytest

from bridge.pcm import ROOM_FRAME_BYTES
from bridge.room.bell import Bell
from bridge.room.frame_ring import FrameRing


def frame(number: int) -> memoryview:
    return memoryview(bytes([number]) * ROOM_FRAME_BYTES)


async def read(ring: FrameRing) -> list[int]:
    return [one[0] async for one in ring]


async def test_frames_of_another_thread_are_read_in_order() -> None:
    ring = FrameRing()
    read_all = asyncio.create_task(read(ring))

    def produce() -> None:
        for number in range(5):
            ring.put(frame(number))
        ring.end()

    await asyncio.to_thread(produce)
    assert await read_all == [0, 1, 2, 3, 4]


async def test_a_reader_that_falls_behind_loses_the_oldest_200_ms_are_kept() -> None:
    ring = FrameRing()
    for number in range(13):
        ring.put(frame(number))
    ring.end()
    assert ring.dropped_ms == 60
    assert await read(ring) == list(range(3, 13))


@pytest.mark.parametrize("size", [0, 1, ROOM_FRAME_BYTES - 1, ROOM_FRAME_BYTES * 2])
async def test_frame_of_another_size_is_dropped_and_counted(size: int) -> None:
    ring = FrameRing()
    ring.put(memoryview(bytes(size)))
    ring.put(frame(7))
    ring.end()
    assert ring.dropped_ms == 20
    assert await read(ring) == [7]


async def test_nothing_is_added_after_the_end() -> None:
    ring = FrameRing()
    ring.end()
    ring.put(frame(1))
    assert ring.ended
    assert await read(ring) == []


async def test_a_cancelled_read_loses_nothing() -> None:
    ring = FrameRing()
    reading = asyncio.create_task(anext(ring))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    ring.put(frame(7))
    assert (await anext(ring))[0] == 7


async def test_the_loop_is_left_alone_while_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bell, woken = Bell(), []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *call: woken.append(call))
    bell.ring()
    assert woken == []


def test_ringing_for_a_loop_that_is_closed_is_no_error() -> None:
    async def begin() -> tuple[Bell, asyncio.Task[None]]:
        bell = Bell()
        waiting = asyncio.create_task(bell.wait_until(lambda: False))
        await asyncio.sleep(0)
        waiting.cancel()
        return bell, waiting

    bell, _ = asyncio.run(begin())
    ringing = threading.Thread(target=bell.ring)
    ringing.start()
    ringing.join()
