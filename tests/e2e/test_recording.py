"""What is in a call's recording, by its tones: the right side, the right time, whatever dies."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.client import BridgeClient, FailedPreconditionError, NotFoundError
from bridge.media.level import Samples
from bridge.simulator import Simulator
from bridge.v1 import call_pb2, call_service_pb2
from bridge.v1.call_service_pb2 import ControlCallRequest, CreateRoomResponse
from tests.e2e.rig import (
    AUDIBLE,
    SOON_S,
    BridgeProcess,
    bridge_process,
    ended,
    hears,
    joined,
    ready,
    silence,
    until,
)
from tests.e2e.test_workers import worker_of
from tests.livekit_server import LiveKitServer
from tests.tones import amplitude_at, tone

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(120)]

CALLER_HZ, AGENT_HZ = 440, 880
_WINDOW = 4800


@pytest.fixture
async def server(
    livekit_server: LiveKitServer, simulator: Simulator, tmp_path: Path
) -> AsyncIterator[BridgeProcess]:
    """A server whose calls are carried by a worker, and can be recorded."""
    async with bridge_process(
        livekit_server,
        simulator.url,
        tmp_path / "bridge.log",
        MEDIABRIDGE_WORKERS="1",
        MEDIABRIDGE_SLOTS="2",
        MEDIABRIDGE_RECORDINGS_DIR=str(tmp_path / "recordings"),
        MEDIABRIDGE_EGRESS="room",  # which this LiveKit server does not have
    ) as running:
        yield running


@pytest.fixture
async def front(server: BridgeProcess) -> AsyncIterator[BridgeClient]:
    async with BridgeClient(server.address) as client:
        yield client


async def recorded_call(
    client: BridgeClient, form: call_pb2.RecordingFormat.ValueType
) -> CreateRoomResponse:
    return await client.create_room(
        "Ada", "tester", tenant_id="acme", recording=call_pb2.RecordingOptions(format=form)
    )


def spans(channel: Samples, hz: float) -> list[tuple[float, float]]:
    """Return from when to when a tone is heard, in seconds, to a tenth of one."""
    pcm = np.ascontiguousarray(channel).tobytes()
    heard = [
        amplitude_at(pcm[at : at + 2 * _WINDOW], hz) > AUDIBLE
        for at in range(0, len(pcm) - 2 * _WINDOW + 1, 2 * _WINDOW)
    ]
    edges = np.flatnonzero(np.diff(np.concatenate(([0], np.array(heard, int), [0]))))
    return [(a / 10, b / 10) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def read(path: Path) -> Samples:
    rows, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 48_000
    return np.asarray(rows, np.int16)


@pytest.mark.parametrize(
    ("form", "suffix"),
    [
        (call_pb2.RECORDING_FORMAT_WAV, "wav"),
        (call_pb2.RECORDING_FORMAT_OGG_OPUS, "ogg"),
    ],
)
async def test_both_sides_are_found_on_their_channels_at_their_times(
    front: BridgeClient, tmp_path: Path, form: call_pb2.RecordingFormat.ValueType, suffix: str
) -> None:
    made = await recorded_call(front, form)
    async with joined(made) as caller:
        await ready(front, made.connection_id)
        started = await until(front, made.connection_id, "recording_started")
        await caller.play(silence(500))
        said_s = time.time() - started.time.ToNanoseconds() / 1e9
        await caller.play(tone(CALLER_HZ, 600) + silence(600))
        await hears(caller, AGENT_HZ, 700)
        pause = ControlCallRequest(connection_id=made.connection_id)
        pause.mute.side, pause.mute.muted = call_service_pb2.MUTE_SIDE_RECORDING, True
        await front.control(pause)
        await caller.play(tone(700, 500) + silence(300))
        # Egress does not answer: that is told, and nothing else comes of it.
        warned = await until(front, made.connection_id, "warning")
        assert warned.warning.code == "egress_failed"
    report = await ended(front, made.connection_id)
    (recording,) = report.recordings
    path = tmp_path / "recordings" / "tenant-acme" / f"{made.connection_id}.{suffix}"
    assert recording.uri == started.recording_started.uri == path.as_uri()
    assert path.stat().st_mode & 0o777 == 0o600
    assert recording.bytes == path.stat().st_size
    assert recording.complete
    assert report.call.end_reason == call_pb2.END_REASON_PARTICIPANT_LEFT
    rows = read(path)
    assert recording.duration.ToMilliseconds() == pytest.approx(len(rows) / 48, abs=30)
    ((caller_from_s, caller_to_s),) = spans(rows[:, 0], CALLER_HZ)
    (agent_from_s, agent_to_s), *_ = spans(rows[:, 1], AGENT_HZ)
    assert caller_from_s == pytest.approx(said_s, abs=0.35), "with codec and jitter buffer"
    assert caller_to_s - caller_from_s == pytest.approx(0.6, abs=0.2)
    assert 0.1 <= agent_from_s - caller_to_s < 1.5
    assert agent_to_s - agent_from_s > 0.6
    assert spans(rows[:, 0], AGENT_HZ) == spans(rows[:, 1], CALLER_HZ) == []
    assert spans(rows[:, 0], 700) == [], "said while the recording was paused"


@pytest.mark.parametrize(
    ("form", "suffix", "lost_s"),
    [
        (call_pb2.RECORDING_FORMAT_WAV, "wav", 1.0),
        (call_pb2.RECORDING_FORMAT_OGG_OPUS, "ogg", 2.0),
    ],
)
async def test_killed_process_leaves_a_file_that_can_be_played(
    server: BridgeProcess,
    front: BridgeClient,
    tmp_path: Path,
    form: call_pb2.RecordingFormat.ValueType,
    suffix: str,
    lost_s: float,
) -> None:
    made = await recorded_call(front, form)
    async with joined(made) as caller:
        await ready(front, made.connection_id)
        await until(front, made.connection_id, "recording_started")
        await caller.play(tone(CALLER_HZ, 600) + silence(600))
        await hears(caller, AGENT_HZ, 500)
        await caller.play(silence(int(lost_s * 1000)))
        os.kill(worker_of(server, made).pid, 9)
        async with asyncio.timeout(SOON_S):
            report = await ended(front, made.connection_id)
    rows = read(tmp_path / "recordings" / "tenant-acme" / f"{made.connection_id}.{suffix}")
    assert sum(b - a for a, b in spans(rows[:, 0], CALLER_HZ)) >= 0.4
    assert sum(b - a for a, b in spans(rows[:, 1], AGENT_HZ)) >= 0.4
    assert report.call.end_reason == call_pb2.END_REASON_WORKER_LOST
    (recording,) = report.recordings
    assert recording.uri.endswith(f"{made.connection_id}.{suffix}")
    assert not recording.complete


async def test_deleted_data_of_a_call_takes_its_sound_along(
    front: BridgeClient, tmp_path: Path
) -> None:
    created = await recorded_call(front, call_pb2.RECORDING_FORMAT_WAV)
    async with joined(created):
        await until(front, created.connection_id, "recording_started")
        with pytest.raises(FailedPreconditionError):
            await front.delete_call_data(created.connection_id)
    await front.end_call(created.connection_id)
    # At once: the worker may still be telling what came last.
    deleted = await front.delete_call_data(created.connection_id)
    assert deleted.recordings_deleted == 1
    assert (deleted.report_deleted, list(deleted.recordings_left)) == (True, [])
    assert await asyncio.to_thread(lambda: list(tmp_path.glob("recordings/*/*"))) == []
    with pytest.raises(NotFoundError):
        await front.report(created.connection_id)
