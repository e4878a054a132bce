"""How does LiveKit Egress record a room: as a whole, or each of its tracks?"""

from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Self

from livekit import api

from bridge import safe_names
from bridge.errors import RoomError
from bridge.ports.clock import Clock
from bridge.ports.egress import EgressJob, EgressTarget
from bridge.ports.recording import Recorded, RecordingFormat, RecordingSource
from bridge.room.asking import ask, session

# A recording that is stopped is still uploaded; what has become of it then nobody waits for longer.
_SETTLE_S: Final = 2.0
_LOOK_S: Final = 0.25
_OVER: Final = frozenset(
    {
        api.EgressStatus.EGRESS_COMPLETE,
        api.EgressStatus.EGRESS_FAILED,
        api.EgressStatus.EGRESS_ABORTED,
        api.EgressStatus.EGRESS_LIMIT_REACHED,
    }
)
_NS_PER_S: Final = 1e9
_STEREO: Final = 2


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where to upload to, and as whom; without keys as Egress itself."""

    name: str
    region: str = ""
    endpoint: str = ""
    access_key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)


class LiveKitEgress:
    """An `Egress`. Enter it before use."""

    def __init__(
        self,
        url: str,
        api_key: str,
        api_secret: str,
        clock: Clock,
        *,
        tracks: bool,
        prefix: str,
        bucket: Bucket | None = None,
    ) -> None:
        """
        :param tracks: record each track by itself.
        :param prefix: the directory, or the beginning of the key, of what it writes.
        :param bucket: where it uploads to; None: files of Egress's own machine.
        """
        self._url = url
        self._keys = (api_key, api_secret)
        self._clock = clock
        self._tracks = tracks
        self._prefix = prefix
        self._bucket = bucket
        self._livekit: api.LiveKitAPI | None = None

    async def __aenter__(self) -> Self:
        self._livekit = session(self._url, *self._keys)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._livekit is not None:
            await self._livekit.aclose()
            self._livekit = None

    async def begin(
        self, target: EgressTarget, part: int, without: frozenset[str]
    ) -> tuple[EgressJob, ...]:
        if not self._tracks:
            return () if "" in without else (await self._record_room(target, part),)
        jobs: list[EgressJob] = []
        for sid in await self._audio_tracks(target):
            if sid in without:
                continue
            try:
                jobs.append(await self._record_track(target, part, sid))
            except RoomError:
                # What has begun must be known, to be stopped; the next track brings another try.
                if not jobs:
                    raise
                break
        return tuple(jobs)

    async def finish(self, job: EgressJob) -> Recorded:
        wanted = api.StopEgressRequest(egress_id=job.egress_id)
        info = await ask("stop an egress", self._api.egress.stop_egress(wanted))
        deadline_s = self._clock.monotonic_s() + _SETTLE_S
        while info.status not in _OVER and self._clock.monotonic_s() < deadline_s:
            await self._clock.sleep(_LOOK_S)
            looking = api.ListEgressRequest(egress_id=job.egress_id)
            found = await ask("look for an egress", self._api.egress.list_egress(looking))
            info = next(iter(found.items), info)
        return _recorded(job, info)

    @property
    def _api(self) -> api.LiveKitAPI:
        if self._livekit is None:
            raise RuntimeError("LiveKitEgress is not entered")
        return self._livekit

    async def _record_room(self, target: EgressTarget, part: int) -> EgressJob:
        path = self._path(target, part)
        wanted = api.RoomCompositeEgressRequest(
            room_name=target.room_name,
            audio_only=True,
            audio_mixing=api.AudioMixing.DUAL_CHANNEL_AGENT,
            file_outputs=[
                api.EncodedFileOutput(
                    file_type=api.EncodedFileType.OGG, filepath=path, s3=self._upload()
                )
            ],
        )
        starting = self._api.egress.start_room_composite_egress(wanted)
        info = await ask("record a room", starting)
        return self._job(info, path, channels=_STEREO)

    async def _record_track(self, target: EgressTarget, part: int, sid: str) -> EgressJob:
        path = self._path(target, part, sid)
        wanted = api.TrackEgressRequest(
            room_name=target.room_name,
            track_id=sid,
            file=api.DirectFileOutput(filepath=path, s3=self._upload()),
        )
        info = await ask("record a track", self._api.egress.start_track_egress(wanted))
        return self._job(info, path, channels=1, track_sid=sid)

    async def _audio_tracks(self, target: EgressTarget) -> list[str]:
        wanted = api.ListParticipantsRequest(room=target.room_name)
        there = await ask("list who is there", self._api.room.list_participants(wanted))
        return [
            track.sid
            for participant in there.participants
            for track in participant.tracks
            if track.type == api.TrackType.AUDIO
        ]

    def _path(self, target: EgressTarget, part: int, sid: str = "") -> str:
        name = safe_names.safe(target.connection_id)
        more = [str(part)] if part > 1 else []
        more += [safe_names.safe(sid)] if sid else []
        directory = f"{self._prefix}/{safe_names.of_tenant(target.tenant_id)}"
        return f"{directory}/{'-'.join((name, *more))}.ogg"

    def _upload(self) -> api.S3Upload | None:
        to = self._bucket
        if to is None:
            return None
        return api.S3Upload(
            bucket=to.name,
            region=to.region,
            endpoint=to.endpoint,
            access_key=to.access_key,
            secret=to.secret,
            # Other servers than Amazon's know a bucket by the path, not by the host's name.
            force_path_style=bool(to.endpoint),
        )

    def _job(
        self, info: api.EgressInfo, path: str, *, channels: int, track_sid: str = ""
    ) -> EgressJob:
        uri = f"s3://{self._bucket.name}/{path}" if self._bucket else f"egress:{path}"
        return EgressJob(
            info.egress_id,
            Recorded(
                uri,
                RecordingFormat.OGG_OPUS,
                duration_s=0.0,
                size_bytes=0,
                channels=channels,
                source=RecordingSource.EGRESS,
            ),
            track_sid,
        )


def _recorded(job: EgressJob, info: api.EgressInfo) -> Recorded:
    results = list(info.file_results) or [info.file]
    file = results[0]
    return replace(
        job.recorded,
        duration_s=file.duration / _NS_PER_S,
        size_bytes=file.size,
        complete=info.status == api.EgressStatus.EGRESS_COMPLETE,
    )
