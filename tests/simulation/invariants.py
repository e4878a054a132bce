"""What holds of every call that is over, whatever happened to it."""

from itertools import pairwise

from bridge.ports.call import CallState
from bridge.ports.event import (
    ControlApplied,
    ControlRefused,
    Ended,
    EventKind,
    ParticipantChange,
    ParticipantChanged,
    ResponseBegan,
    ResponseFinished,
    StateChanged,
    ToolCalled,
    ToolFinished,
)
from bridge.ports.report import CallReport
from tests.simulation.scene import Scene

_ARRIVALS = {ParticipantChange.JOINED, ParticipantChange.RETURNED}
_DEPARTURES = {ParticipantChange.LEFT, ParticipantChange.LOST, ParticipantChange.REMOVED}
# A position is rounded to whole frames.
_ROUNDING_MS = 20


def assert_told_in_order(scene: Scene) -> None:
    """Hold what was told to having no gaps, and nothing behind the end."""
    told = scene.carried.told
    assert [event.sequence for event in told] == list(range(1, len(told) + 1))
    assert [event.at for event in told] == sorted(event.at for event in told)
    assert not any(isinstance(event.kind, Ended) for event in told[:-1])


def assert_ended_well(scene: Scene) -> None:
    """Hold a call that is over, in a world that answers again, to everything it promises."""
    kinds = scene.carried.kinds
    report = _assert_one_end(scene, kinds)
    _assert_states_follow_each_other(kinds)
    _assert_people_come_before_they_go(kinds)
    _assert_what_begins_is_finished(kinds)
    _assert_commands_were_answered(scene, kinds)
    assert report.media.played_ms <= report.media.received_ms + _ROUNDING_MS


def assert_nothing_left(scene: Scene) -> None:
    """Hold it to having let go of everything outside itself."""
    world, spec = scene.world, scene.carried.spec
    assert all(session.closed for session in world.models.sessions)
    assert not scene.bots
    assert spec.foreign_room or spec.room_name not in world.livekit.rooms
    assert world.clock.pending == 0, "something still waits for its time to come"


def _assert_one_end(scene: Scene, kinds: list[EventKind]) -> CallReport:
    ends = [kind for kind in kinds if isinstance(kind, Ended)]
    assert kinds[-1:] == ends, "exactly one end, and nothing behind it"
    report = ends[0].report
    view = scene.carried.call.view()
    assert view.state is CallState.ENDED
    assert report.view.ending == view.ending
    assert report.view.ending is not None
    if scene.asked_for is not None:
        assert report.view.ending == scene.asked_for, "whoever was told to be the first was"
    assert scene.world.store.saved == [report]
    assert report.view.last_sequence == len(kinds) == view.last_sequence
    return report


def _assert_states_follow_each_other(kinds: list[EventKind]) -> None:
    changes = [kind for kind in kinds if isinstance(kind, StateChanged)]
    assert changes[0] == StateChanged(CallState.CREATED, None)
    assert [change.state for change in changes[-2:]] == [CallState.ENDING, CallState.ENDED]
    assert all(after.previous is before.state for before, after in pairwise(changes))


def _assert_people_come_before_they_go(kinds: list[EventKind]) -> None:
    there: set[str] = set()
    for kind in kinds:
        if not isinstance(kind, ParticipantChanged):
            continue
        who = kind.participant.identity
        if kind.change in _ARRIVALS:
            assert who not in there
            there.add(who)
        else:
            assert who in there
            if kind.change in _DEPARTURES:
                there.remove(who)


def _assert_what_begins_is_finished(kinds: list[EventKind]) -> None:
    at_work: set[str] = set()
    begun: set[str] = set()
    for kind in kinds:
        match kind:
            case ToolCalled(tool_call_id):
                assert tool_call_id not in at_work
                at_work.add(tool_call_id)
            case ToolFinished(use):
                at_work.remove(use.tool_call_id)
            case ResponseBegan(response_id):
                assert response_id not in begun
                begun.add(response_id)
            case ResponseFinished(response_id):
                assert response_id in begun
            case _:
                pass
    assert not at_work


def _assert_commands_were_answered(scene: Scene, kinds: list[EventKind]) -> None:
    assert all(command.done() for command in scene.commands)
    outcomes = {command.get_name(): command.result() for command in scene.commands}
    told = [kind.command_id for kind in kinds if isinstance(kind, ControlApplied | ControlRefused)]
    assert len(told) == len(set(told)), "a command that comes twice is applied once"
    assert len(told) <= len(outcomes)
