"""Anything may happen to a call in any order: what holds of it all the same.

Each simulation makes a call, lets things happen to it, at once or with time between them, and
then lets its own limits end it. Time is the simulation's own: an hour of calls takes seconds.
`make simulate` runs many more of them than CI does.
"""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bridge.ports.call import CallSpec
from tests.effort import examples
from tests.fakes.clock import settle
from tests.fakes.model import Answers
from tests.simulation.invariants import assert_ended_well, assert_nothing_left, assert_told_in_order
from tests.simulation.scene import Scene, Stimulus
from tests.simulation.specs import SPECS
from tests.simulation.stimuli import ANYTHING, BEGINNINGS, ENDS
from tests.unit.calls.rig import World, carrying

PAUSES_S = st.sampled_from([0.0, 0.0, 0.02, 0.3, 1.0, 2.5, 5.0, 11.0, 21.0])
PLANS = st.lists(st.tuples(ANYTHING, PAUSES_S), min_size=4, max_size=30)
LAST = st.lists(st.tuples(st.one_of(ENDS, ENDS, ANYTHING), PAUSES_S), max_size=5)

# Its limits, its last words and the steps of its close, all of them as late as they may be.
_OVER_WITHIN_S = 300.0
_BEHIND_THE_END_S = 90.0


@given(SPECS, st.sampled_from(Answers), BEGINNINGS, PLANS, LAST)
@examples(450)
async def test_whatever_happens_a_call_ends_once_and_leaves_nothing(
    spec: CallSpec,
    answers: Answers,
    beginning: Sequence[Stimulus],
    plan: Sequence[tuple[Stimulus, float]],
    last: Sequence[tuple[Stimulus, float]],
) -> None:
    world = World()
    world.models.answers = answers
    if spec.foreign_room:
        await world.rooms.create_foreign(spec.room_name)
    before = asyncio.all_tasks()
    async with carrying(world, spec) as carried, asyncio.TaskGroup() as asking:
        scene = Scene(carried, asking)
        for stimulus in beginning:
            await _happen(scene, stimulus, 0.02)
        for stimulus, pause_s in (*plan, *last):
            await _happen(scene, stimulus, pause_s)
        await _let_it_end(scene)
        await _assert_over_for_good(scene)
    assert_told_in_order(scene)
    if not scene.closed_in_trouble:
        assert_ended_well(scene)
        assert_nothing_left(scene)
    assert asyncio.all_tasks() <= before


async def _happen(scene: Scene, stimulus: Stimulus, pause_s: float) -> None:
    call = scene.carried.call
    was_decided = call.view().ending
    stimulus.act(scene)
    if pause_s:
        await scene.world.clock.advance(pause_s)
    # Whoever asks gets an answer at any moment.
    report = call.report()
    assert report.complete == (report.view.state.value == "ended")
    scene.look()
    assert was_decided in (None, call.view().ending), "the first cause wins"


async def _let_it_end(scene: Scene) -> None:
    """Let whatever did not answer recover, and time pass until the call is over."""
    world = scene.world
    for part in (world.events.appending, world.store.saving, world.rooms.deleting):
        part.recover()
    world.rooms.joining.recover()
    world.livekit.unreachable = False
    passed_s = 0.0
    while not scene.carried.call.is_over:
        assert passed_s < _OVER_WITHIN_S, f"the call is {scene.carried.state.value}"
        await world.clock.advance(5)
        passed_s += 5
        assert not scene.carried.call.is_overdue()
    await settle()


async def _assert_over_for_good(scene: Scene) -> None:
    """Nobody hears, says, writes or is told anything more."""
    before = _traces(scene)
    await scene.world.clock.advance(_BEHIND_THE_END_S)
    assert _traces(scene) == before


def _traces(scene: Scene) -> tuple[int, ...]:
    sessions, bots = scene.world.models.sessions, scene.world.rooms.bots
    return (
        len(scene.carried.told),
        sum(len(session.sent) for session in sessions),
        sum(len(session.audio) for session in sessions),
        sum(bot.fake_output.writes for bot in bots),
        sum(len(bot.segments) for bot in bots),
    )
