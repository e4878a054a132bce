"""Which humans are in the room, and is one that vanished really gone?

A full reconnect of the bot makes the SDK report every participant as gone, without a reason and
before it says that it reconnects, and then as new. The same happens when a participant is
replaced by another connection of the same identity. So whoever vanishes without a reason is
missed for a moment, and only reported as gone if that moment ends without them.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from livekit import rtc

from bridge.ids import Identity
from bridge.ports.room_event import HumanJoined, HumanLeft, LeaveReason, RoomEvent
from bridge.room.reasons import leave_reason

# The SDK says "gone" and "reconnecting" in the same burst; a replacement follows at once.
_MISSED_S: Final = 0.5


class Humans:
    """Follows the humans of one room and emits when one has joined or left."""

    def __init__(self, emit: Callable[[RoomEvent], None]) -> None:
        self._emit = emit
        self._present: set[Identity] = set()
        self._missed: dict[Identity, asyncio.TimerHandle] = {}
        self._reconnecting = False

    def joined(self, participant: rtc.Participant) -> None:
        identity = Identity(participant.identity)
        alarm = self._missed.pop(identity, None)
        if alarm is not None:
            alarm.cancel()
        if identity not in self._present:
            self._present.add(identity)
            self._emit(HumanJoined(identity, participant.name))

    def left(self, participant: rtc.Participant) -> None:
        identity = Identity(participant.identity)
        if participant.disconnect_reason is not None:
            self._gone(identity, leave_reason(participant.disconnect_reason))
        elif identity in self._present and identity not in self._missed:
            loop = asyncio.get_running_loop()
            self._missed[identity] = loop.call_later(_MISSED_S, self._stop_missing, identity)

    def reconnecting(self) -> None:
        self._reconnecting = True

    def reconnected(self) -> None:
        """Report who is not back, now that the bot itself is."""
        self._reconnecting = False
        for identity in tuple(self._missed):
            self._gone(identity, LeaveReason.LOST)

    def close(self) -> None:
        for alarm in self._missed.values():
            alarm.cancel()
        self._missed.clear()

    def _stop_missing(self, identity: Identity) -> None:
        if not self._reconnecting:
            self._gone(identity, LeaveReason.LOST)

    def _gone(self, identity: Identity, reason: LeaveReason) -> None:
        alarm = self._missed.pop(identity, None)
        if alarm is not None:
            alarm.cancel()
        if identity in self._present:
            self._present.discard(identity)
            self._emit(HumanLeft(identity, reason))
