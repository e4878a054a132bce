"""What is said to LiveKit Egress, in its own messages over HTTP, and what its answers mean."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from livekit import api

from bridge.errors import RoomRejected, RoomUnreachable
from bridge.ids import ConnectionId, RoomName, TenantId
from bridge.ports.egress import Egress, EgressTarget
from bridge.ports.recording import RecordingFormat, RecordingSource
from bridge.room.egress import Bucket, LiveKitEgress
from tests.egress_server import KEY, SECRET, EgressServer, egress_server
from tests.fakes.clock import FakeClock
from tests.fakes.egress import FakeEgress

TARGET = EgressTarget(RoomName("room-1"), ConnectionId("call-1"), TenantId("a/b"))
NOTHING: frozenset[str] = frozenset()


class ImpatientClock(FakeClock):
    """Its time passes when somebody sleeps."""

    async def sleep(self, seconds: float) -> None:
        self._now_s += seconds


@pytest.fixture
async def server() -> AsyncIterator[EgressServer]:
    async with egress_server() as running:
        yield running


@asynccontextmanager
async def egress_of(
    server: EgressServer, *, tracks: bool = False, bucket: Bucket | None = None
) -> AsyncIterator[LiveKitEgress]:
    async with LiveKitEgress(
        server.url, KEY, SECRET, ImpatientClock(), tracks=tracks, prefix="/out", bucket=bucket
    ) as egress:
        yield egress


@pytest.fixture(params=["memory", "http"])
async def rooms(request: pytest.FixtureRequest, server: EgressServer) -> AsyncIterator[Egress]:
    """Egress that records rooms as a whole."""
    if request.param == "memory":
        yield FakeEgress()
        return
    async with egress_of(server) as egress:
        yield egress


@pytest.fixture(params=["memory", "http"])
async def tracks(request: pytest.FixtureRequest, server: EgressServer) -> AsyncIterator[Egress]:
    """Egress that records the room's tracks TR_a and TR_b."""
    if request.param == "memory":
        fake = FakeEgress(tracks=True)
        fake.audio_tracks[TARGET.room_name] = ["TR_a", "TR_b"]
        yield fake
        return
    async with egress_of(server, tracks=True) as egress:
        yield egress


async def test_a_room_is_recorded_once(rooms: Egress) -> None:
    (job,) = await rooms.begin(TARGET, 1, NOTHING)
    assert job.track_sid == ""
    assert not job.recorded.complete
    assert job.recorded.source is RecordingSource.EGRESS
    assert await rooms.begin(TARGET, 1, frozenset({""})) == ()
    recorded = await rooms.finish(job)
    assert recorded.uri == job.recorded.uri
    assert recorded.complete
    assert recorded.duration_s > 0
    assert recorded.size_bytes > 0


async def test_parts_of_one_call_have_names_of_their_own(rooms: Egress) -> None:
    (first,) = await rooms.begin(TARGET, 1, NOTHING)
    (second,) = await rooms.begin(TARGET, 2, NOTHING)
    assert first.recorded.uri != second.recorded.uri


async def test_each_track_is_recorded_by_itself_and_once(tracks: Egress) -> None:
    first, second = await tracks.begin(TARGET, 1, NOTHING)
    assert (first.track_sid, second.track_sid) == ("TR_a", "TR_b")
    assert first.recorded.uri != second.recorded.uri
    (again,) = await tracks.begin(TARGET, 1, frozenset({"TR_a"}))
    assert again.track_sid == "TR_b"
    assert await tracks.begin(TARGET, 1, frozenset({"TR_a", "TR_b"})) == ()


async def test_room_is_asked_for_as_sound_with_the_agent_apart(server: EgressServer) -> None:
    async with egress_of(server) as egress:
        (job,) = await egress.begin(TARGET, 1, NOTHING)
        await egress.finish(job)
    begun, stopped, _ = server.asked
    assert begun == api.RoomCompositeEgressRequest(
        room_name="room-1",
        audio_only=True,
        audio_mixing=api.AudioMixing.DUAL_CHANNEL_AGENT,
        file_outputs=[
            api.EncodedFileOutput(
                file_type=api.EncodedFileType.OGG, filepath="/out/tenant-a%2Fb/call-1.ogg"
            )
        ],
    )
    assert stopped == api.StopEgressRequest(egress_id="EG_1")
    assert job.recorded.uri == "egress:/out/tenant-a%2Fb/call-1.ogg"
    assert job.recorded.format is RecordingFormat.OGG_OPUS


async def test_bucket_and_its_keys_go_with_the_request_and_not_into_the_uri(
    server: EgressServer,
) -> None:
    bucket = Bucket("calls", "eu", "https://s3.example.com", "key", "hush")
    async with egress_of(server, tracks=True, bucket=bucket) as egress:
        job, _ = await egress.begin(TARGET, 2, NOTHING)
    _, begun, _ = server.asked
    assert isinstance(begun, api.TrackEgressRequest)
    assert begun.track_id == "TR_a"
    assert begun.file.s3 == api.S3Upload(
        bucket="calls",
        region="eu",
        endpoint="https://s3.example.com",
        access_key="key",
        secret="hush",  # noqa: S106 - of a bucket that is not there
        force_path_style=True,
    )
    assert job.recorded.uri == "s3://calls//out/tenant-a%2Fb/call-1-2-TR_a.ogg"
    assert "hush" not in repr(bucket)


async def test_egress_that_does_not_say_in_time_what_became_of_it_is_not_complete(
    server: EgressServer,
) -> None:
    server.looks_until_complete = 10**6
    async with egress_of(server) as egress:
        (job,) = await egress.begin(TARGET, 1, NOTHING)
        assert not (await egress.finish(job)).complete


@pytest.mark.parametrize(
    ("refusal", "error"),
    [((503, "unavailable"), RoomUnreachable), ((401, "unauthenticated"), RoomRejected)],
)
async def test_failures_are_the_room_s(
    server: EgressServer, refusal: tuple[int, str], error: type[Exception]
) -> None:
    async with egress_of(server) as egress:
        server.refuses_with = refusal
        with pytest.raises(error):
            await egress.begin(TARGET, 1, NOTHING)
    async with LiveKitEgress(
        "http://127.0.0.1:9", KEY, SECRET, FakeClock(), tracks=False, prefix=""
    ) as nobody:
        with pytest.raises(RoomUnreachable):
            await nobody.begin(TARGET, 1, NOTHING)


async def test_track_that_is_not_begun_takes_no_other_with_it(server: EgressServer) -> None:
    server.begins_at_most = 1
    async with egress_of(server, tracks=True) as egress:
        (begun,) = await egress.begin(TARGET, 1, NOTHING)
        assert begun.track_sid == "TR_a"
        with pytest.raises(RoomRejected):
            await egress.begin(TARGET, 1, frozenset({"TR_a"}))
