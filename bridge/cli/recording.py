"""Who records a host's calls: the host itself, LiveKit Egress, both or nobody?"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bridge.ports.clock import Clock
from bridge.ports.egress import Egress
from bridge.ports.recording import Recordings
from bridge.room.egress import Bucket, LiveKitEgress
from bridge.settings import LiveKitSettings, Settings


@dataclass(frozen=True, slots=True)
class Recorders:
    """Those that there are."""

    files: Recordings | None = None
    egress: Egress | None = None


def records(settings: Settings) -> bool:
    """Tell whether calls can be recorded."""
    return settings.recordings_dir is not None or settings.egress is not None


@asynccontextmanager
async def recording(settings: Settings, clock: Clock) -> AsyncIterator[Recorders]:
    """Record calls, as far as there is somebody to do it, for as long as the context lasts."""
    async with AsyncExitStack() as stack:
        files = egress = None
        if settings.recordings_dir is not None:
            from bridge.recording.recorder import FileRecordings  # noqa: PLC0415 - brings a codec

            recorder = FileRecordings(settings.recordings_dir, clock)
            files = await stack.enter_async_context(recorder)
        if settings.egress is not None and settings.livekit is not None:
            egress = await stack.enter_async_context(_egress(settings, settings.livekit, clock))
        yield Recorders(files, egress)


def _egress(settings: Settings, livekit: LiveKitSettings, clock: Clock) -> LiveKitEgress:
    egress = settings.egress
    assert egress is not None  # noqa: S101 - asked by whoever calls this
    bucket = None
    if egress.s3 is not None:
        bucket = Bucket(
            name=egress.s3.bucket,
            region=egress.s3.region,
            endpoint=egress.s3.endpoint,
            access_key=egress.s3.access_key.get_secret_value() if egress.s3.access_key else "",
            secret=egress.s3.secret.get_secret_value() if egress.s3.secret else "",
        )
    return LiveKitEgress(
        livekit.server_url,
        livekit.api_key.get_secret_value(),
        livekit.api_secret.get_secret_value(),
        clock,
        tracks=egress.tracks,
        prefix=egress.prefix,
        bucket=bucket,
    )
