"""What does a caller hear: a participant for the demo, tests and benchmarks, driven by code."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Self

from livekit import rtc

from bridge.errors import RoomUnreachable
from bridge.ids import Identity, is_bot
from bridge.logs import get_logger
from bridge.media.recording import Recording, wav
from bridge.pcm import ROOM_FRAME_BYTES
from bridge.ports.room_event import LeaveReason
from bridge.room.audio import Audio, best_audio
from bridge.room.leaving import leave
from bridge.room.reasons import leave_reason
from bridge.room.speaker import TrackSpeaker

HeardFrame = Callable[[float, memoryview], None]
"""Called with the time a frame of the agent arrived (time.monotonic) and its 48 kHz sound."""

SpokenFrame = Callable[[float, memoryview], None]
"""Called with the time a frame begins to leave the microphone, and its 48 kHz sound."""

_log = get_logger(__name__)

_JOIN_S: Final = 10.0
_LISTEN_S: Final = 3.0


class Caller:
    """A participant with a microphone that plays what it is given and records what it hears.

    Both recordings begin when the caller has joined, on this caller's own clock: sample n of
    `heard` arrived at the moment sample n of `spoken` left.
    """

    def __init__(
        self,
        room: rtc.Room,
        audio: Audio,
        on_heard: HeardFrame | None,
        on_spoken: SpokenFrame | None,
        max_seconds: float,
    ) -> None:
        self._room = room
        self._audio = audio
        self._on_heard = on_heard
        self._on_spoken = on_spoken
        self._microphone = audio.output()
        self._published: rtc.LocalAudioTrack | None = None
        started_s = time.monotonic()
        self.heard = Recording(started_s, max_seconds)
        self.spoken = Recording(started_s, max_seconds)
        self._agent_track = asyncio.Event()
        self._gone: asyncio.Future[LeaveReason] = asyncio.get_running_loop().create_future()
        self._leaving = False
        self._speakers: dict[str, TrackSpeaker] = {}
        self._listening: list[asyncio.Task[None]] = []  # one for every track there ever was

    @classmethod
    @asynccontextmanager
    async def join(
        cls,
        url: str,
        token: str,
        *,
        publish: bool = True,
        on_heard: HeardFrame | None = None,
        on_spoken: SpokenFrame | None = None,
        max_seconds: float = 600.0,
        audio: Audio | None = None,
    ) -> AsyncIterator[Self]:
        """Enter the room, and publish a microphone unless told not to.

        :raises RoomUnreachable: LiveKit refused or did not answer in time.
        """
        audio = audio or best_audio()
        room = rtc.Room()
        caller = cls(room, audio, on_heard, on_spoken, max_seconds)
        try:
            await caller._enter(url, token)
            if publish:
                await caller.publish()
            yield caller
        finally:
            await caller.hang_up()

    @property
    def identity(self) -> Identity:
        return Identity(self._room.local_participant.identity)

    @property
    def room(self) -> rtc.Room:
        """The SDK's own room, for what only tests do to it."""
        return self._room

    @property
    def _track(self) -> rtc.LocalAudioTrack:
        # Made only once the room is connected: a track that is made while the SDK has no room at
        # all belongs to a WebRTC runtime that ends at once, and crashes the process when it is
        # dropped (livekit 1.2.1).
        if self._published is None:
            self._published = self._microphone.create_track("microphone")
        return self._published

    async def publish(self) -> None:
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        await self._room.local_participant.publish_track(self._track, options)

    async def unpublish(self) -> None:
        await self._room.local_participant.unpublish_track(self._track.sid)

    def mute(self) -> None:
        self._track.mute()

    def unmute(self) -> None:
        self._track.unmute()

    async def play(self, pcm: bytes | memoryview) -> None:
        """Say 48 kHz mono int16 sound in real time; return when the last of it is played."""
        view = memoryview(pcm).cast("B")
        for start in range(0, len(view), ROOM_FRAME_BYTES):
            frame = view[start : start + ROOM_FRAME_BYTES]
            leaves_s = time.monotonic() + self._microphone.queued_ms / 1000
            self.spoken.add(frame, leaves_s)
            if self._on_spoken is not None:
                self._on_spoken(leaves_s, frame)
            await self._microphone.write(frame)
        await asyncio.sleep(self._microphone.queued_ms / 1000)

    async def wait_for_agent_track(self) -> None:
        """Wait until a bot's track is subscribed to. Cancelling it changes nothing."""
        await self._agent_track.wait()

    async def wait_until_gone(self) -> LeaveReason:
        """Wait until this caller is out of the room, and say why."""
        return await asyncio.shield(self._gone)

    def stereo(self) -> bytes:
        """Return both recordings as a WAV file: the caller left, the agent right."""
        return wav([self.spoken.samples, self.heard.samples])

    async def hang_up(self) -> None:
        """Leave the room, within a deadline. Idempotent."""
        self._leaving = True
        for speaker in self._speakers.values():
            speaker.end()
        await self._microphone.aclose()
        await self._stop_listening()
        if not await leave(self._room):
            self._on_disconnected(rtc.DisconnectReason.UNKNOWN_REASON)

    async def _stop_listening(self) -> None:
        if not self._listening:
            return
        done, late = await asyncio.wait(self._listening, timeout=_LISTEN_S)
        for task in late:
            task.cancel()
        self._listening.clear()
        failed = [task for task in done if not task.cancelled() and task.exception()]
        if failed:
            _log.error("listening to the agent failed", exc_info=failed[0].exception())

    async def _enter(self, url: str, token: str) -> None:
        self._room.on("track_subscribed", self._on_track_subscribed)
        self._room.on("track_unsubscribed", self._on_track_unsubscribed)
        self._room.on("disconnected", self._on_disconnected)
        try:
            async with asyncio.timeout(_JOIN_S):
                await self._room.connect(url, token)
        except (rtc.ConnectError, TimeoutError) as error:
            raise RoomUnreachable("the caller could not join") from error
        self._audio.entered(self._room)

    def _on_track_subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if self._leaving or not isinstance(track, rtc.RemoteAudioTrack):
            return
        if not is_bot(participant.identity):
            return
        speaker = TrackSpeaker(self._audio, track, publication.sid, Identity(participant.identity))
        self._speakers[publication.sid] = speaker
        # Owned by this caller: `hang_up` ends and awaits it.
        self._listening.append(
            asyncio.create_task(self._listen(speaker), name=f"listen {publication.sid}")
        )
        self._agent_track.set()

    def _on_track_unsubscribed(
        self, _track: rtc.Track | None, publication: rtc.RemoteTrackPublication
    ) -> None:
        speaker = self._speakers.pop(publication.sid, None)
        if speaker is not None:
            speaker.end()

    def _on_disconnected(self, reason: int) -> None:
        if not self._gone.done():
            self._gone.set_result(leave_reason(reason))

    async def _listen(self, speaker: TrackSpeaker) -> None:
        async with speaker.frames() as frames:
            async for frame in frames:
                now = time.monotonic()
                self.heard.add(frame, now)
                if self._on_heard is not None:
                    self._on_heard(now, frame)
