"""Who vanishes without a reason is missed for a moment before it is gone."""

import asyncio
from typing import cast

from livekit import rtc

from bridge.ids import Identity
from bridge.ports.room_event import HumanJoined, HumanLeft, LeaveReason, RoomEvent
from bridge.room.humans import Humans
from bridge.room.kinds import is_human

ADA = Identity("caller-ada")
KINDS = rtc.ParticipantKind


class Someone:
    def __init__(
        self,
        identity: str = ADA,
        kind: rtc.ParticipantKind.ValueType = KINDS.PARTICIPANT_KIND_STANDARD,
        disconnect_reason: rtc.DisconnectReason.ValueType | None = None,
    ) -> None:
        self.identity = identity
        self.name = "Ada"
        self.kind = kind
        self.disconnect_reason = disconnect_reason


def participant(
    identity: str = ADA,
    kind: rtc.ParticipantKind.ValueType = KINDS.PARTICIPANT_KIND_STANDARD,
    disconnect_reason: rtc.DisconnectReason.ValueType | None = None,
) -> rtc.Participant:
    return cast("rtc.Participant", Someone(identity, kind, disconnect_reason))


class Seen:
    def __init__(self) -> None:
        self.events: asyncio.Queue[RoomEvent] = asyncio.Queue()
        self.humans = Humans(self.events.put_nowait)
        self.humans.joined(participant())
        assert self.events.get_nowait() == HumanJoined(ADA, "Ada")


def test_bots_recorders_and_streams_are_no_humans() -> None:
    assert is_human(participant())
    assert is_human(participant(kind=KINDS.PARTICIPANT_KIND_SIP))
    assert not is_human(participant(identity="bot-1"))
    for kind in (
        KINDS.PARTICIPANT_KIND_AGENT,
        KINDS.PARTICIPANT_KIND_EGRESS,
        KINDS.PARTICIPANT_KIND_INGRESS,
    ):
        assert not is_human(participant(kind=kind))


async def test_who_leaves_for_a_reason_is_gone_at_once() -> None:
    seen = Seen()
    seen.humans.left(participant(disconnect_reason=rtc.DisconnectReason.PARTICIPANT_REMOVED))
    assert seen.events.get_nowait() == HumanLeft(ADA, LeaveReason.REMOVED)


async def test_who_is_back_at_once_never_left() -> None:
    seen = Seen()
    seen.humans.left(participant())
    seen.humans.joined(participant())
    seen.humans.reconnected()
    assert seen.events.empty()


async def test_who_is_missed_for_too_long_is_lost() -> None:
    seen = Seen()
    seen.humans.left(participant())
    async with asyncio.timeout(5):
        assert await seen.events.get() == HumanLeft(ADA, LeaveReason.LOST)


async def test_who_is_not_back_after_our_reconnect_is_lost() -> None:
    seen = Seen()
    seen.humans.left(participant())
    seen.humans.reconnecting()
    assert seen.events.empty()
    seen.humans.reconnected()
    assert seen.events.get_nowait() == HumanLeft(ADA, LeaveReason.LOST)
    seen.humans.close()
