"""Who is in the room, who was, and what their coming and going means for the call."""

from dataclasses import dataclass, replace
from enum import Enum, auto

from bridge.ids import Identity
from bridge.ports.call import ParticipantView
from bridge.ports.clock import Clock
from bridge.ports.event import ParticipantChange, ParticipantChanged
from bridge.ports.room_event import HumanJoined, HumanLeft, LeaveReason


class Consequence(Enum):
    """What a change of presence asks of the call."""

    NOTHING = auto()
    FIRST_ARRIVED = auto()
    BACK = auto()
    """Somebody is there again after the room was empty of humans."""
    SAID_GOODBYE = auto()
    """The last human left on its own will."""
    LOST = auto()
    """The last human's connection died."""
    REMOVED = auto()
    """The last human was put out."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What happened, for the watchers, and what it asks of the call."""

    event: ParticipantChanged | None
    consequence: Consequence


_CHANGE_OF = {
    LeaveReason.LEFT: (ParticipantChange.LEFT, Consequence.SAID_GOODBYE),
    LeaveReason.REMOVED: (ParticipantChange.REMOVED, Consequence.REMOVED),
}
_LOST = (ParticipantChange.LOST, Consequence.LOST)


class Presence:
    """The humans of one call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._participants: dict[Identity, ParticipantView] = {}

    @property
    def participants(self) -> tuple[ParticipantView, ...]:
        return tuple(self._participants.values())

    @property
    def anyone_connected(self) -> bool:
        return any(view.connected for view in self._participants.values())

    def is_there(self, identity: Identity) -> bool | None:
        """Return whether a human is in the room; None for one who never was."""
        known = self._participants.get(identity)
        return None if known is None else known.connected

    def joined(self, event: HumanJoined) -> Observation:
        known = self._participants.get(event.identity)
        if known is not None and known.connected:
            return Observation(None, Consequence.NOTHING)
        was_empty = not self.anyone_connected
        first_ever = not self._participants
        view = (
            replace(known, connected=True)
            if known
            else ParticipantView(event.identity, event.name, True, False, self._clock.now())
        )
        self._participants[event.identity] = view
        change = ParticipantChange.RETURNED if known else ParticipantChange.JOINED
        if first_ever:
            consequence = Consequence.FIRST_ARRIVED
        else:
            consequence = Consequence.BACK if was_empty else Consequence.NOTHING
        return Observation(ParticipantChanged(change, view), consequence)

    def left(self, event: HumanLeft) -> Observation:
        known = self._participants.get(event.identity)
        if known is None or not known.connected:
            return Observation(None, Consequence.NOTHING)
        view = replace(known, connected=False, microphone_on=False)
        self._participants[event.identity] = view
        change, consequence = _CHANGE_OF.get(event.reason, _LOST)
        if self.anyone_connected:
            consequence = Consequence.NOTHING
        return Observation(ParticipantChanged(change, view), consequence)

    def microphone(self, identity: Identity, on: bool) -> ParticipantChanged | None:
        """Note a microphone; return the change, or None where it is none."""
        known = self._participants.get(identity)
        if known is None or not known.connected or known.microphone_on is on:
            return None
        view = self._participants[identity] = replace(known, microphone_on=on)
        change = ParticipantChange.MICROPHONE_ON if on else ParticipantChange.MICROPHONE_OFF
        return ParticipantChanged(change, view)
