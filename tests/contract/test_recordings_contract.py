"""What every recorder of calls does: the one that writes files, and the one in memory."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
import soundfile

from bridge.clock import SystemClock
from bridge.errors import RecordingError, Unavailable
from bridge.ids import TenantId
from bridge.media.level import Samples
from bridge.ports.recording import (
    RecordingFormat,
    RecordingPlan,
    Recordings,
    RecordingTrouble,
    Tape,
)
from bridge.recording.folder import Folder
from bridge.recording.recorder import FileRecordings
from tests.fakes.agents import SPEC
from tests.fakes.recording import FakeRecordings, FakeTape
from tests.tones import amplitude_at, tone

WAV = RecordingPlan()
START_S = 50.0


@pytest.fixture(params=["memory", "files"])
async def recordings(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Recordings]:
    if request.param == "memory":
        yield FakeRecordings()
        return
    async with FileRecordings(tmp_path, StoppedClock()) as files:
        yield files


class StoppedClock(SystemClock):
    """Its time is the recordings': what was told is written when it is finished."""

    def monotonic_s(self) -> float:
        return START_S


async def begin(
    recordings: Recordings, plan: RecordingPlan = WAV, call: str = "call-1"
) -> tuple[Tape, list[RecordingTrouble]]:
    troubles: list[RecordingTrouble] = []
    tape = await recordings.begin(
        SPEC.tenant_id, type(SPEC.connection_id)(call), plan, START_S, troubles.append
    )
    return tape, troubles


def rows_of(tape: Tape) -> Samples:
    if isinstance(tape, FakeTape):
        return tape.rows
    rows, rate_hz = soundfile.read(url2pathname(urlsplit(tape.uri).path), dtype="int16")
    assert rate_hz == 48_000
    return np.asarray(rows, np.int16)


def heard(rows: Samples, channel: int, from_s: float, to_s: float, hz: float) -> float:
    part = rows[int(from_s * 48_000) : int(to_s * 48_000), channel]
    return amplitude_at(np.ascontiguousarray(part).tobytes(), hz)


async def test_both_sides_lie_at_their_times(recordings: Recordings) -> None:
    tape, troubles = await begin(recordings)
    tape.hear(memoryview(tone(440, 200)), START_S + 0.3)
    tape.speak(memoryview(tone(1000, 300)), START_S + 0.5)
    tape.cut(START_S + 0.7)
    recorded = await tape.finish(START_S + 1)
    rows = rows_of(tape)
    assert len(rows) == 48_000
    assert heard(rows, 0, 0.1, 0.3, 440) > 7000
    assert heard(rows, 1, 0.5, 0.7, 1000) > 7000
    assert not rows[: int(0.1 * 48_000)].any()
    assert not rows[int(0.3 * 48_000) : int(0.5 * 48_000)].any()
    assert not rows[int(0.7 * 48_000) :].any()
    assert recorded.uri == tape.uri
    assert recorded.duration_s == 1.0
    assert (recorded.channels, recorded.lost_s, recorded.complete) == (2, 0.0, True)
    assert recorded.size_bytes >= 4 * 48_000
    assert recorded.format is RecordingFormat.WAV
    assert troubles == []


async def test_recording_says_what_there_is_of_it_before_it_is_finished(
    recordings: Recordings,
) -> None:
    tape, _ = await begin(recordings)
    so_far = tape.so_far()
    assert so_far.uri == tape.uri
    assert not so_far.complete
    await tape.finish(START_S)


async def test_second_finish_finds_the_same(recordings: Recordings) -> None:
    tape, _ = await begin(recordings)
    tape.hear(memoryview(tone(440, 200)), START_S + 0.3)
    first = await tape.finish(START_S + 1)
    assert await tape.finish(START_S + 2) == first == tape.so_far()


async def test_recordings_of_two_calls_are_apart(recordings: Recordings) -> None:
    (one, _), (other, _) = await begin(recordings), await begin(recordings, call="call-2")
    assert one.uri != other.uri
    one.hear(memoryview(tone(440, 200)), START_S + 0.2)
    await one.finish(START_S + 0.2)
    await other.finish(START_S + 0.2)
    assert rows_of(one).any()
    assert not rows_of(other).any()


@pytest.mark.parametrize("form", RecordingFormat)
async def test_erasing_a_calls_recording_leaves_the_others(
    recordings: Recordings, tmp_path: Path, form: RecordingFormat
) -> None:
    files = recordings if isinstance(recordings, FakeRecordings) else Folder(tmp_path)
    (one, _), (other, _) = (
        await begin(recordings, RecordingPlan(form)),
        await begin(recordings, call="call-11"),
    )
    await one.finish(START_S + 1)
    await other.finish(START_S + 1)
    call = type(SPEC.connection_id)("call-1")
    assert await files.erase(TenantId("another"), call) == []
    assert await files.erase(SPEC.tenant_id, call) == [one.uri]
    assert await files.erase(SPEC.tenant_id, call) == []
    assert len(rows_of(other)) == 48_000


async def test_files_that_cannot_be_deleted_are_somebodys_to_know_of(tmp_path: Path) -> None:
    async with FileRecordings(tmp_path, StoppedClock()) as files:
        tape, _ = await begin(files)
        await tape.finish(START_S)
    in_the_way = Path(url2pathname(urlsplit(tape.uri).path)).with_suffix(".ogg")
    await asyncio.to_thread(in_the_way.mkdir)
    with pytest.raises(Unavailable) as refused:
        await Folder(tmp_path).erase(SPEC.tenant_id, SPEC.connection_id)
    assert refused.value.reason == "RECORDING_NOT_DELETED"


async def test_no_place_is_an_error_of_ours(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("in the way")
    async with FileRecordings(place, SystemClock()) as files:
        with pytest.raises(RecordingError):
            await begin(files)
    fake = FakeRecordings()
    fake.have_a_place = False
    with pytest.raises(RecordingError):
        await begin(fake)
