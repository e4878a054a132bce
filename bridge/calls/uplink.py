"""What the callers say, on its way to the model: speakers, mix, level, resampling, session."""

from collections.abc import Callable

from bridge.ids import Identity
from bridge.media.cleaning import Cleaner
from bridge.media.level import LevelMeter
from bridge.media.mixer import Mixer
from bridge.media.resample import Resampler
from bridge.pcm import ROOM_RATE_HZ, duration_ms
from bridge.ports.model import ModelSession
from bridge.ports.room import SpeakerTrack


class Uplink:
    """Carries every microphone of one call into one model input."""

    def __init__(self, resampler: Resampler, make_cleaner: Callable[[], Cleaner | None]) -> None:
        self._make_cleaner = make_cleaner
        self._mixer = Mixer()
        self._resampler = resampler
        self._session: ModelSession | None = None
        self._identity_of: dict[str, Identity] = {}
        self._tracks: dict[str, SpeakerTrack] = {}
        self._heard_bytes = 0
        self._dropped_by_gone_tracks_ms = 0.0
        self.meter = LevelMeter(ROOM_RATE_HZ)
        self.muted = False
        """The model hears silence in place of the callers."""

    @property
    def speakers(self) -> int:
        return len(self._tracks)

    @property
    def audio_ms(self) -> float:
        """Return how much was heard, of all speakers together."""
        return duration_ms(self._heard_bytes, ROOM_RATE_HZ)

    @property
    def dropped_ms(self) -> float:
        """Return what was lost before the model's own queue: slow reading, late speakers."""
        reading = sum(track.dropped_ms for track in self._tracks.values())
        return self._dropped_by_gone_tracks_ms + reading + self._mixer.dropped_ms

    def connect(self, session: ModelSession | None) -> None:
        """Send to this session from now on. What was said before is not sent late."""
        self._session = session

    async def carry(self, track: SpeakerTrack) -> None:
        """Carry one microphone until it is gone."""
        self._tracks[track.sid] = track
        self._identity_of[track.sid] = track.identity
        cleaner = self._make_cleaner()
        try:
            async with track.frames() as frames:
                async for frame in frames:
                    self._hear(track.sid, frame if cleaner is None else cleaner.clean(frame))
        finally:
            self._mixer.remove(track.sid)
            del self._tracks[track.sid], self._identity_of[track.sid]
            self._dropped_by_gone_tracks_ms += track.dropped_ms

    def loudest(self) -> Identity | None:
        """Return who was loudest since this was last asked."""
        sid = self._mixer.loudest()
        return None if sid is None else self._identity_of.get(sid)

    def __str__(self) -> str:
        return f"{self._mixer} -> {self.meter} -> {self._resampler} -> model"

    def _hear(self, sid: str, frame: memoryview) -> None:
        mixed = self._mixer.push(sid, frame)
        if mixed is None:
            return
        self._heard_bytes += len(mixed)
        if self.muted:
            mixed = memoryview(bytes(len(mixed)))  # silence, not a gap: the model's time goes on
        self.meter.push(mixed)
        if self._session is not None and (resampled := self._resampler.push(mixed)):
            self._session.send_audio_nowait(resampled)
