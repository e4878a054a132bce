"""What becomes of a recording whose disk is slow, full, or never answers?"""

import asyncio
from pathlib import Path

import pytest

from bridge.media.level import Samples
from bridge.ports.recording import RecordingPlan, RecordingTrouble
from bridge.recording.tape import HOLD_S, FileTape
from tests.tones import tone

START_S = 10.0
SECOND = memoryview(tone(440, 1000))


class FakeFile:
    """A file that can be full."""

    def __init__(self) -> None:
        self.rows = 0
        self.full = False
        self.broken = False
        self.closed = False

    @property
    def size_bytes(self) -> int:
        return self.rows * 4

    def write(self, rows: Samples) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        if self.broken:
            raise ValueError("a defect")
        self.rows += len(rows)

    def close(self) -> int:
        self.closed = True
        return self.size_bytes


class Desk:
    def __init__(self) -> None:
        self.file = FakeFile()
        self.troubles: list[RecordingTrouble] = []
        self.hurried = 0
        self.tape = FileTape(
            self.file, Path("/r/call"), RecordingPlan(), START_S, self.troubles.append, self.hurry
        )

    def hurry(self) -> None:
        self.hurried += 1


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_sound_is_written_once_it_cannot_be_taken_back(desk: Desk) -> None:
    desk.tape.hear(SECOND, START_S + 1)
    desk.tape.write(START_S + 1)
    assert desk.file.rows == (1 - HOLD_S) * 48_000
    desk.tape.write(START_S + 1 + HOLD_S)
    assert desk.file.rows == 48_000
    assert desk.tape.so_far().size_bytes == desk.file.size_bytes


async def test_disk_that_stands_still_loses_the_newest_and_says_so_once(desk: Desk) -> None:
    for second in range(1, 26):
        desk.tape.hear(SECOND, START_S + second)
    assert desk.troubles == [RecordingTrouble.BEHIND]
    desk.tape.write(START_S + 25)
    desk.tape.hear(SECOND, START_S + 26)
    finishing = asyncio.create_task(desk.tape.finish(START_S + 26))
    await asyncio.sleep(0)
    desk.tape.write(START_S + 26)
    recorded = await finishing
    assert recorded.lost_s == 5
    assert recorded.duration_s == 26, "silence stands in place of what was lost"
    assert desk.troubles == [RecordingTrouble.BEHIND]


async def test_full_disk_ends_the_recording_and_keeps_what_there_is(desk: Desk) -> None:
    desk.tape.hear(SECOND, START_S + 1)
    desk.tape.write(START_S + 2)
    desk.file.full = True
    desk.tape.hear(SECOND, START_S + 3)
    desk.tape.write(START_S + 4)
    desk.tape.write(START_S + 5)
    await asyncio.sleep(0)
    assert desk.troubles == [RecordingTrouble.FAILED]
    for second in range(5, 60):  # goes nowhere, and is not kept
        desk.tape.hear(SECOND, START_S + second)
    assert desk.troubles == [RecordingTrouble.FAILED]
    finishing = asyncio.create_task(desk.tape.finish(START_S + 60))
    await asyncio.sleep(0)
    desk.tape.write(START_S + 60)
    recorded = await finishing
    assert recorded.duration_s == 1.5
    assert not recorded.complete
    assert desk.file.closed


async def test_finish_asks_the_writer_to_hurry_and_waits_for_it(desk: Desk) -> None:
    finishing = asyncio.create_task(desk.tape.finish(START_S + 1))
    await asyncio.sleep(0)
    assert desk.hurried == 1
    assert not finishing.done()
    desk.tape.write(START_S + 7)
    assert (await finishing).duration_s == 1
    assert desk.tape.closed


async def test_defect_ends_its_own_recording_and_not_the_writer(desk: Desk) -> None:
    desk.file.broken = True
    desk.tape.hear(SECOND, START_S + 1)
    desk.tape.write(START_S + 2)
    await asyncio.sleep(0)
    assert desk.troubles == [RecordingTrouble.FAILED]
    finishing = asyncio.create_task(desk.tape.finish(START_S + 3))
    await asyncio.sleep(0)
    desk.tape.write(START_S + 3)
    assert not (await finishing).complete
