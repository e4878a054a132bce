"""What happens in the room, and what it means for the call: arrivals, losses, repairs, limits."""

import asyncio
from collections.abc import Callable
from typing import Final

from bridge.calls.deadlines import Deadlines, Limit
from bridge.calls.ending import Verdict, ending_of_bot_leaving
from bridge.calls.presence import Consequence, Observation, Presence
from bridge.calls.record import CallRecord
from bridge.ids import Identity
from bridge.ports.call import CallLimits, CallState, Ending, EndReason
from bridge.ports.clock import Clock
from bridge.ports.event import ChatWritten, LinkState
from bridge.ports.room_event import (
    ChatReceived,
    HumanJoined,
    HumanLeft,
    MediaClosed,
    MediaInterrupted,
    MediaResumed,
    MicrophoneMuted,
    OutputSubscribed,
    RoomEvent,
    SpeakerStarted,
    SpeakerStopped,
    SpeakerTrack,
)
from bridge.ports.room_news import HumanCame, HumanWent, RoomNews, RoomOver

# Who said goodbye may be a page that is reloading.
_GOODBYE_S: Final = 3.0

# LiveKit's own client gives up repairing a connection within this time, or never.
_MEDIA_GRACE_S: Final = 20.0

_LEAVING: Final = frozenset({Consequence.SAID_GOODBYE, Consequence.LOST})


class Stay:
    """The bot's stay in its room."""

    def __init__(
        self,
        limits: CallLimits,
        record: CallRecord,
        deadlines: Deadlines,
        verdict: Verdict,
        clock: Clock,
        *,
        hear: Callable[[SpeakerTrack], None],
        read: Callable[[ChatReceived], None],
    ) -> None:
        self._limits = limits
        self._record = record
        self._deadlines = deadlines
        self._verdict = verdict
        self._hear = hear
        self._read = read
        self._presence = Presence(clock)
        self._identity_of_track: dict[str, Identity] = {}
        self._media_reconnects = 0
        self._bot_entered = False
        self.track_published = asyncio.Event()
        self.microphone_heard = asyncio.Event()
        self.somebody_came = asyncio.Event()
        self.output_subscribed = asyncio.Event()

    @property
    def bot_was_in_room(self) -> bool:
        return self._bot_entered

    @property
    def anyone_there(self) -> bool:
        """Return whether a human is in the room, as far as can be seen."""
        return self._presence.anyone_connected

    @property
    def media_reconnects(self) -> int:
        return self._media_reconnects

    def ending_of(self, limit: Limit) -> Ending:
        """Return the end that a passed limit means; who could not come is not blamed."""
        detail = f"limit passed: {limit.name.lower()}"
        if limit is Limit.JOIN and not self.bot_was_in_room:
            return Ending(EndReason.MEDIA_CONNECT_FAILED, f"{detail}, and the bot had not joined")
        if limit is Limit.JOIN and self._deadlines.is_running(Limit.MEDIA):
            return Ending(EndReason.MEDIA_LOST, f"{detail}, and the connection was broken")
        if limit is Limit.GOODBYE:
            return Ending(limit.value, "the last caller hung up")
        return Ending(limit.value, detail)

    def bot_entered(self) -> None:
        """The bot is in the room."""
        self._bot_entered = True
        self._settle()

    def bot_published(self) -> None:
        """The bot's track is published."""
        self._record.media_is(LinkState.READY)
        self.track_published.set()

    def on(self, event: RoomEvent) -> None:
        match event:
            case HumanJoined():
                self._take(self._presence.joined(event))
            case HumanLeft():
                self._take(self._presence.left(event))
            case SpeakerStarted(track):
                self._identity_of_track[track.sid] = track.identity
                self._microphone(track.identity, True)
                self._hear(track)
            case SpeakerStopped(track_sid):
                identity = self._identity_of_track.pop(track_sid, None)
                if identity is not None:
                    self._microphone(identity, False)
            case MicrophoneMuted(identity, muted):
                self._microphone(identity, not muted)
            case OutputSubscribed():
                self.output_subscribed.set()
            case ChatReceived(identity, text):
                self._record.active()
                self._record.tell(ChatWritten(identity, text))
                self._read(event)
            case _:
                self._on_link(event)

    def notice(self, news: RoomNews) -> bool:
        """Take what LiveKit says of the room; return whether the bot had not noticed."""
        match news:
            case RoomOver():
                told = "LiveKit says that the room is over"
                return self._verdict.reach(Ending(EndReason.ROOM_DELETED, told))
            case HumanWent(_, identity, reason) if self._presence.is_there(identity):
                self._take(self._presence.left(HumanLeft(identity, reason)))
                return True
            # A bot that never saw somebody come has seen nobody go: only who was there is back.
            case HumanCame(_, identity, name) if self._presence.is_there(identity) is False:
                self._take(self._presence.joined(HumanJoined(identity, name)))
                return True
        return False

    def _on_link(self, event: RoomEvent) -> None:
        match event:
            case MediaInterrupted():
                self._media_reconnects += 1
                self._record.media_is(LinkState.INTERRUPTED)
                # Who seems to leave meanwhile does so only because we cannot see the room.
                self._deadlines.stop(Limit.GOODBYE, Limit.REJOIN)
                self._deadlines.start(Limit.MEDIA, _MEDIA_GRACE_S)
            case MediaResumed():
                self._record.media_is(LinkState.RESUMED)
                self._deadlines.stop(Limit.MEDIA)
                if self._presence.participants and not self._presence.anyone_connected:
                    self._deadlines.start(Limit.REJOIN, self._limits.rejoin_grace_s)
            case MediaClosed(reason):
                self._record.media_is(LinkState.LOST)
                self._verdict.reach(ending_of_bot_leaving(reason))
        self._settle()

    def _take(self, seen: Observation) -> None:
        if seen.event is not None:
            self._record.participants_are(self._presence.participants, seen.event)
        match seen.consequence:
            case Consequence.FIRST_ARRIVED:
                self._deadlines.stop(Limit.JOIN)
                self._deadlines.start(Limit.DURATION, self._limits.max_duration_s)
                self._record.caller_joined()
                self.somebody_came.set()
            case Consequence.BACK:
                self._deadlines.stop(Limit.GOODBYE, Limit.REJOIN)
            case _ if self._deadlines.is_running(Limit.MEDIA) and seen.consequence in _LEAVING:
                pass  # it may be we who cannot see them: the repaired connection will tell
            case Consequence.SAID_GOODBYE:
                grace_s = min(_GOODBYE_S, self._limits.rejoin_grace_s)
                self._deadlines.start(Limit.GOODBYE, grace_s)
            case Consequence.LOST:
                self._deadlines.start(Limit.REJOIN, self._limits.rejoin_grace_s)
            case Consequence.REMOVED:
                self._verdict.reach(
                    Ending(EndReason.PARTICIPANT_REMOVED, "the last caller was removed")
                )
            case _:
                pass
        self._settle()

    def _microphone(self, identity: Identity, on: bool) -> None:
        if on:
            self.microphone_heard.set()
        event = self._presence.microphone(identity, on)
        if event is not None:
            self._record.participants_are(self._presence.participants, event)

    def _settle(self) -> None:
        """Move to the state that follows from who is there and what is connected."""
        if self._verdict.ending is not None or not self.bot_was_in_room:
            return
        if self._deadlines.is_running(Limit.MEDIA):
            self._record.move(CallState.RECONNECTING)
        elif self._presence.anyone_connected:
            self._record.move(CallState.ACTIVE)
        elif self._presence.participants:
            self._record.move(CallState.RECONNECTING)
        else:
            self._record.move(CallState.WAITING)
