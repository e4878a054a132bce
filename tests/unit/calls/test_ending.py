"""The first cause of an end, and whom an error blames."""

import asyncio

import pytest

from bridge.calls.ending import Verdict, ending_of_bot_leaving, ending_of_error
from bridge.calls.journal import JournalOverflow
from bridge.errors import ModelError, ModelFailure, RoomError, RoomRejected, RoomUnreachable
from bridge.ports.call import FAULT_OF, Ending, EndReason, Fault
from bridge.ports.room_event import LeaveReason
from tests.fakes.clock import settle

_SPOKEN = "what the caller said"


def test_first_cause_wins() -> None:
    verdict = Verdict()
    assert verdict.ending is None
    assert verdict.reach(Ending(EndReason.API_ENDED, "first"))
    assert not verdict.reach(Ending(EndReason.INTERNAL, "second"))
    assert verdict.ending == Ending(EndReason.API_ENDED, "first")


async def test_everyone_who_waits_learns_the_same_verdict() -> None:
    verdict = Verdict()
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(verdict.wait()) for _ in range(3)]
        await settle()
        verdict.reach(Ending(EndReason.JOIN_TIMEOUT))
        verdict.reach(Ending(EndReason.MODEL_LOST))
    assert {task.result() for task in waiting} == {Ending(EndReason.JOIN_TIMEOUT)}
    assert await verdict.wait() == Ending(EndReason.JOIN_TIMEOUT)


@pytest.mark.parametrize("failure", ModelFailure)
def test_every_failure_of_the_model_has_its_reason(failure: ModelFailure) -> None:
    ending = ending_of_error(ModelError(failure, "code 4000"), bot_was_in_room=True)
    assert ending == Ending(EndReason[f"MODEL_{failure.name}"], "code 4000")
    assert ending.fault is Fault.MODEL


@pytest.mark.parametrize("kind", [RoomError, RoomUnreachable, RoomRejected])
@pytest.mark.parametrize(
    ("bot_was_in_room", "reason"),
    [(False, EndReason.MEDIA_CONNECT_FAILED), (True, EndReason.MEDIA_LOST)],
)
def test_livekit_s_errors_blame_the_media(
    kind: type[RoomError], bot_was_in_room: bool, reason: EndReason
) -> None:
    ending = ending_of_error(kind("no answer"), bot_was_in_room=bot_was_in_room)
    assert ending == Ending(reason, "no answer")
    assert ending.fault is Fault.MEDIA


@pytest.mark.parametrize(
    "error",
    [
        ValueError(_SPOKEN),
        KeyError(_SPOKEN),
        TimeoutError(_SPOKEN),
        JournalOverflow(_SPOKEN),
        ExceptionGroup(_SPOKEN, [ValueError(_SPOKEN)]),
    ],
)
def test_unforeseen_errors_are_our_fault_and_tell_their_type_alone(error: Exception) -> None:
    ending = ending_of_error(error, bot_was_in_room=True)
    assert ending == Ending(EndReason.INTERNAL, type(error).__name__)
    assert ending.fault is Fault.SERVER


@pytest.mark.parametrize(
    ("reason", "means"),
    [
        (LeaveReason.LEFT, EndReason.MEDIA_LOST),
        (LeaveReason.LOST, EndReason.MEDIA_LOST),
        (LeaveReason.SERVER_SHUTDOWN, EndReason.MEDIA_LOST),
        (LeaveReason.REMOVED, EndReason.PARTICIPANT_REMOVED),
        (LeaveReason.DUPLICATE_IDENTITY, EndReason.DUPLICATE_IDENTITY),
        (LeaveReason.ROOM_DELETED, EndReason.ROOM_DELETED),
    ],
)
def test_the_bot_s_leaving_means_an_end(reason: LeaveReason, means: EndReason) -> None:
    assert ending_of_bot_leaving(reason).reason is means


def test_every_way_of_leaving_means_an_end() -> None:
    assert all(ending_of_bot_leaving(reason).detail for reason in LeaveReason)


def test_every_reason_has_a_fault() -> None:
    assert set(FAULT_OF) == set(EndReason)
