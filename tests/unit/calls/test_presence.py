"""Who is in the room, row by row: what happened before, what happens, what it means."""

import pytest

from bridge.calls.presence import Consequence, Presence
from bridge.ids import Identity
from bridge.ports.event import ParticipantChange
from bridge.ports.room_event import HumanJoined, HumanLeft, LeaveReason
from tests.fakes.clock import FakeClock

ADA, BOB = Identity("ada"), Identity("bob")
Step = HumanJoined | HumanLeft


def joins(who: Identity) -> Step:
    return HumanJoined(who, who.title())


def leaves(who: Identity, reason: LeaveReason = LeaveReason.LEFT) -> Step:
    return HumanLeft(who, reason)


def take(presence: Presence, step: Step) -> tuple[ParticipantChange | None, Consequence]:
    seen = presence.joined(step) if isinstance(step, HumanJoined) else presence.left(step)
    return None if seen.event is None else seen.event.change, seen.consequence


CHANGE, MEANS = ParticipantChange, Consequence


@pytest.mark.parametrize(
    ("before", "step", "change", "means"),
    [
        ([], joins(ADA), CHANGE.JOINED, MEANS.FIRST_ARRIVED),
        ([joins(ADA)], joins(BOB), CHANGE.JOINED, MEANS.NOTHING),
        ([joins(ADA)], joins(ADA), None, MEANS.NOTHING),
        ([joins(ADA), leaves(ADA)], joins(ADA), CHANGE.RETURNED, MEANS.BACK),
        ([joins(ADA), leaves(ADA)], joins(BOB), CHANGE.JOINED, MEANS.BACK),
        ([joins(ADA), joins(BOB), leaves(ADA)], joins(ADA), CHANGE.RETURNED, MEANS.NOTHING),
        ([joins(ADA)], leaves(ADA), CHANGE.LEFT, MEANS.SAID_GOODBYE),
        ([joins(ADA)], leaves(ADA, LeaveReason.LOST), CHANGE.LOST, MEANS.LOST),
        ([joins(ADA)], leaves(ADA, LeaveReason.REMOVED), CHANGE.REMOVED, MEANS.REMOVED),
        ([joins(ADA)], leaves(ADA, LeaveReason.DUPLICATE_IDENTITY), CHANGE.LOST, MEANS.LOST),
        ([joins(ADA)], leaves(ADA, LeaveReason.ROOM_DELETED), CHANGE.LOST, MEANS.LOST),
        ([joins(ADA)], leaves(ADA, LeaveReason.SERVER_SHUTDOWN), CHANGE.LOST, MEANS.LOST),
        ([joins(ADA), joins(BOB)], leaves(ADA), CHANGE.LEFT, MEANS.NOTHING),
        ([joins(ADA), joins(BOB)], leaves(BOB, LeaveReason.LOST), CHANGE.LOST, MEANS.NOTHING),
        ([joins(ADA), joins(BOB)], leaves(ADA, LeaveReason.REMOVED), CHANGE.REMOVED, MEANS.NOTHING),
        ([joins(ADA), joins(BOB), leaves(ADA)], leaves(BOB), CHANGE.LEFT, MEANS.SAID_GOODBYE),
        ([], leaves(ADA), None, MEANS.NOTHING),
        ([joins(ADA), leaves(ADA)], leaves(ADA), None, MEANS.NOTHING),
    ],
)
def test_each_coming_and_going_means_one_thing(
    before: list[Step], step: Step, change: ParticipantChange | None, means: Consequence
) -> None:
    presence = Presence(FakeClock())
    for earlier in before:
        take(presence, earlier)
    assert take(presence, step) == (change, means)


async def test_participants_stay_on_the_list_in_order_of_arrival() -> None:
    clock = FakeClock()
    presence = Presence(clock)
    take(presence, joins(ADA))
    arrived_at = clock.now()
    await clock.advance(5)
    take(presence, joins(BOB))
    take(presence, leaves(ADA))
    take(presence, joins(ADA))
    ada, bob = presence.participants
    assert (ada.identity, ada.name, ada.connected, ada.joined_at) == (ADA, "Ada", True, arrived_at)
    assert bob.identity == BOB
    assert presence.anyone_connected


def test_microphone_is_told_of_when_it_changes() -> None:
    presence = Presence(FakeClock())
    take(presence, joins(ADA))
    on = presence.microphone(ADA, True)
    assert on is not None
    assert (on.change, on.participant.microphone_on) == (CHANGE.MICROPHONE_ON, True)
    assert presence.microphone(ADA, True) is None
    off = presence.microphone(ADA, False)
    assert off is not None
    assert off.change is CHANGE.MICROPHONE_OFF
    assert presence.microphone(BOB, True) is None


def test_microphone_goes_with_its_human() -> None:
    presence = Presence(FakeClock())
    take(presence, joins(ADA))
    presence.microphone(ADA, True)
    take(presence, leaves(ADA))
    assert not presence.participants[0].microphone_on
    assert presence.microphone(ADA, False) is None
    assert presence.microphone(ADA, True) is None, "who is gone has no microphone"
    take(presence, joins(ADA))
    assert not presence.participants[0].microphone_on
