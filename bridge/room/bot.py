"""What does the bot see and hear in its room: LiveKit's callbacks as the domain's events."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

from livekit import rtc

from bridge.errors import RoomUnreachable
from bridge.ids import Identity
from bridge.logs import get_logger
from bridge.ports.call import AgentState
from bridge.ports.clock import Clock
from bridge.ports.room import AudioOutput, NetworkStats, Segment
from bridge.ports.room_event import (
    LeaveReason,
    MediaClosed,
    MediaInterrupted,
    MediaResumed,
    MicrophoneMuted,
    OutputSubscribed,
    RoomEvent,
    SpeakerStarted,
    SpeakerStopped,
)
from bridge.room.audio import Audio
from bridge.room.chat import ChatInbox
from bridge.room.humans import Humans
from bridge.room.keys import press
from bridge.room.kinds import is_human
from bridge.room.leaving import PutOut, empty, leave
from bridge.room.reasons import leave_reason
from bridge.room.speaker import TrackSpeaker
from bridge.room.stats import NetworkTotals
from bridge.room.telling import Teller
from bridge.room.text import show_agent_state, show_segment

TRACK_NAME: Final = "ai-audio"

_STATS_S: Final = 2.0
_PUBLISH_S: Final = 10.0

_log = get_logger(__name__)


class RoomBot:
    """A `Bot` over one `rtc.Room`."""

    def __init__(self, room: rtc.Room, audio: Audio, clock: Clock, put_out: PutOut | None) -> None:
        self._room = room
        self._clock = clock
        self._put_out = put_out
        self._audio = audio
        self._output = audio.output()
        self._events: asyncio.Queue[RoomEvent] = asyncio.Queue()
        self._humans = Humans(self._emit)
        self._chat = ChatInbox(room, self._emit)
        self._teller = Teller(partial(show_segment, room), partial(show_agent_state, room), clock)
        self._speakers: dict[str, TrackSpeaker] = {}
        self._totals = NetworkTotals()
        self._heard = False
        self._closed = False
        self._handlers: dict[rtc.room.EventTypes, Callable[..., None]] = {
            "participant_connected": self._on_participant,
            "participant_disconnected": self._on_participant_gone,
            "track_published": self._on_track_published,
            "track_subscribed": self._on_track_subscribed,
            "track_unsubscribed": self._on_track_unsubscribed,
            "track_unpublished": self._on_track_unpublished,
            "track_muted": self._on_track_muted,
            "track_unmuted": self._on_track_unmuted,
            "local_track_subscribed": self._on_output_subscribed,
            "reconnecting": self._on_reconnecting,
            "reconnected": self._on_reconnected,
            "disconnected": self._on_disconnected,
        }

    @property
    def output(self) -> AudioOutput:
        return self._output

    async def events(self) -> AsyncIterator[RoomEvent]:
        """See `Bot.events`. Cancelling it loses no event."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, MediaClosed):
                return

    def tell_text(self, segment: Segment) -> None:
        self._teller.tell(segment)

    def tell_agent_state(self, state: AgentState) -> None:
        self._teller.tell_state(state.value)

    async def press_keys(self, digits: str) -> None:
        """See `Bot.press_keys`.

        :raises RoomUnreachable: LiveKit did not take one.
        """
        await press(self._room.local_participant, digits, self._clock)

    async def network_stats(self) -> NetworkStats:
        """Return the totals; the last known ones where LiveKit does not answer in time."""
        try:
            async with asyncio.timeout(_STATS_S):
                self._totals.update(await self._room.get_rtc_stats())
        except (RuntimeError, TimeoutError):
            _log.debug("no fresh network statistics")
        return self._totals.stats

    def enter(self) -> None:
        """Report who is there, and what happens from now on."""
        for name, handler in self._handlers.items():
            self._room.on(name, handler)
        for participant in self._room.remote_participants.values():
            self._on_participant(participant)
        self._chat.start()
        self._teller.start()
        self._subscribe_to_all()

    async def publish(self) -> None:
        """Publish the bot's track.

        :raises RoomUnreachable: LiveKit did not take it, or not in time.
        """
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_MICROPHONE,
            # Pauses between words must stay as the model made them, and the first sound after
            # a pause must not wait for a silence to be over.
            dtx=False,
            # One lost packet then costs nothing, for about 30 kbit/s.
            red=True,
        )
        track = self._output.create_track(TRACK_NAME)
        try:
            async with asyncio.timeout(_PUBLISH_S):
                await self._room.local_participant.publish_track(track, options)
        except (rtc.participant.PublishTrackError, TimeoutError) as error:
            raise RoomUnreachable("LiveKit did not take the bot's track") from error

    async def aclose(self) -> None:
        """Leave the room, within a deadline whatever LiveKit does. Idempotent."""
        await self._teller.aclose()
        self._close(LeaveReason.LEFT)
        await self._chat.aclose()
        await self._output.aclose()
        if self._put_out is not None:
            await empty(self._room, self._put_out)
        await leave(self._room)
        for name, handler in self._handlers.items():
            self._room.off(name, handler)

    def __str__(self) -> str:
        return f"RoomBot({len(self._speakers)} speakers, {self._output}, {self._teller})"

    def _emit(self, event: RoomEvent) -> None:
        if not self._closed:
            self._events.put_nowait(event)

    def _close(self, reason: LeaveReason) -> None:
        for sid in tuple(self._speakers):
            self._stop_speaker(sid)
        self._humans.close()
        self._teller.interrupted()
        self._emit(MediaClosed(reason))
        self._closed = True

    def _on_participant(self, participant: rtc.RemoteParticipant) -> None:
        if is_human(participant):
            self._humans.joined(participant)

    def _on_participant_gone(self, participant: rtc.RemoteParticipant) -> None:
        if is_human(participant):
            self._humans.left(participant)

    def _on_track_published(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if is_human(participant) and _is_microphone(publication):
            publication.set_subscribed(True)

    def _subscribe_to_all(self) -> None:
        for participant in self._room.remote_participants.values():
            for publication in participant.track_publications.values():
                if not publication.subscribed:
                    self._on_track_published(publication, participant)

    def _on_track_subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if not isinstance(track, rtc.RemoteAudioTrack):
            return
        self._stop_speaker(publication.sid)
        identity = Identity(participant.identity)
        speaker = TrackSpeaker(self._audio, track, publication.sid, identity)
        self._speakers[publication.sid] = speaker
        self._emit(SpeakerStarted(speaker))
        if publication.muted:
            self._emit(MicrophoneMuted(identity, muted=True))

    def _on_track_unsubscribed(
        self, _track: rtc.Track | None, publication: rtc.RemoteTrackPublication
    ) -> None:
        self._stop_speaker(publication.sid)

    def _on_track_unpublished(self, publication: rtc.RemoteTrackPublication) -> None:
        self._stop_speaker(publication.sid)

    def _stop_speaker(self, sid: str) -> None:
        speaker = self._speakers.pop(sid, None)
        if speaker is not None:
            speaker.end()
            self._emit(SpeakerStopped(sid))

    def _on_track_muted(
        self, participant: rtc.Participant, publication: rtc.TrackPublication
    ) -> None:
        self._report_mute(participant, publication, muted=True)

    def _on_track_unmuted(
        self, participant: rtc.Participant, publication: rtc.TrackPublication
    ) -> None:
        self._report_mute(participant, publication, muted=False)

    def _report_mute(
        self, participant: rtc.Participant, publication: rtc.TrackPublication, *, muted: bool
    ) -> None:
        if is_human(participant) and _is_microphone(publication):
            self._emit(MicrophoneMuted(Identity(participant.identity), muted))

    def _on_output_subscribed(self) -> None:
        if not self._heard:
            self._heard = True
            self._emit(OutputSubscribed())

    def _on_reconnecting(self) -> None:
        self._humans.reconnecting()
        self._teller.interrupted()
        self._emit(MediaInterrupted())

    def _on_reconnected(self) -> None:
        self._humans.reconnected()
        # After a full reconnect the SDK brings back what we publish, not what we hear; and what
        # was asked for while it still reconnected got lost.
        self._subscribe_to_all()
        self._teller.resumed()
        self._emit(MediaResumed())

    def _on_disconnected(self, reason: int) -> None:
        self._close(leave_reason(reason))


def _is_microphone(publication: rtc.TrackPublication) -> bool:
    return (
        publication.kind == rtc.TrackKind.KIND_AUDIO
        and publication.source == rtc.TrackSource.SOURCE_MICROPHONE
    )
