"""What the callers say, on its way to the model: speakers, mix, level, resampling, session."""

from collections.abc import Callable

from bridge.calls.speech.ears import Gate
from bridge.ids import Identity
from bridge.media.cleaning import Cleaner
from bridge.media.level import LevelMeter
from bridge.media.mixer import Mixer
from bridge.media.resample import Resampler
from bridge.media.speech_meter import SpeechMeter
from bridge.pcm import ROOM_RATE_HZ, duration_ms
from bridge.ports.clock import Clock
from bridge.ports.model import ModelSession
from bridge.ports.room_event import SpeakerTrack


class Uplink:
    """Carries every microphone of one call into one model input."""

    def __init__(
        self,
        resampler: Resampler,
        make_cleaner: Callable[[], Cleaner | None],
        clock: Clock,
        *,
        measures_speech: bool = False,
    ) -> None:
        """
        :param measures_speech: whether `spoken_s` will be asked.
        """
        self._make_cleaner = make_cleaner
        self._clock = clock
        self._mixer = Mixer()
        self._resampler = resampler
        self._session: ModelSession | None = None
        self._identity_of: dict[str, Identity] = {}
        self._tracks: dict[str, SpeakerTrack] = {}
        self._heard_bytes = 0
        self._dropped_by_gone_tracks_ms = 0.0
        self._speech = SpeechMeter() if measures_speech else None
        self.tap: Callable[[memoryview], None] | None = None
        """Is given all that is said, whether or not the model may hear it."""
        self.meter = LevelMeter(ROOM_RATE_HZ)
        self.gate = Gate(clock)

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

    def spoken_s(self, since_s: float) -> float:
        """Return for how long somebody has spoken since a moment of the monotonic clock."""
        if self._speech is None:
            return 0.0
        return self._speech.spoken_ms((self._clock.monotonic_s() - since_s) * 1000) / 1000

    def __str__(self) -> str:
        return f"{self._mixer} -> {self.meter} -> {self._resampler} -> model"

    def _hear(self, sid: str, frame: memoryview) -> None:
        mixed = self._mixer.push(sid, frame)
        if mixed is None:
            return
        self._heard_bytes += len(mixed)
        self.meter.push(mixed)
        if self.tap is not None:
            self.tap(mixed)
        if self._speech is not None:
            self._speech.push(mixed)
        if not self.gate.is_open:
            mixed = memoryview(bytes(len(mixed)))  # silence, not a gap: the model's time goes on
        if self._session is not None and (resampled := self._resampler.push(mixed)):
            self._session.send_audio_nowait(resampled)
