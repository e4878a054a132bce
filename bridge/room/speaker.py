"""What does one participant say: its track as frames, bounded, with what was lost counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc

from bridge.ids import Identity
from bridge.room.audio import Audio
from bridge.room.frame_ring import FrameRing


class TrackSpeaker:
    """A `SpeakerTrack` over a subscribed LiveKit track. Its frames are read once."""

    def __init__(
        self, audio: Audio, track: rtc.RemoteAudioTrack, sid: str, identity: Identity
    ) -> None:
        self._audio = audio
        self._track = track
        self._sid = sid
        self._identity = identity
        self._ring = FrameRing()

    @property
    def sid(self) -> str:
        return self._sid

    @property
    def identity(self) -> Identity:
        return self._identity

    @property
    def dropped_ms(self) -> float:
        return self._ring.dropped_ms

    @asynccontextmanager
    async def frames(self) -> AsyncIterator[AsyncIterator[memoryview]]:
        """See `SpeakerTrack.frames`; keeps at most 200 ms for a reader that falls behind."""
        if self._ring.ended:
            yield self._ring
            return
        async with self._audio.listen(self._track, self._ring):
            yield self._ring

    def end(self) -> None:
        """End `frames()`: the SDK does not, for a track that a full reconnect replaces."""
        self._ring.end()

    def __str__(self) -> str:
        return f"TrackSpeaker({self._sid}, {self.dropped_ms:.0f} ms dropped)"
