"""Anything may happen in any order: what holds of a call all the same."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.errors import ModelError, ModelFailure
from bridge.ids import Identity
from bridge.ports.call import Ending, EndReason
from bridge.ports.event import Ended, StateChanged
from bridge.ports.model_event import SpeechStarted, SpeechStopped
from bridge.ports.room import (
    HumanJoined,
    HumanLeft,
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
from tests.fakes.clock import settle
from tests.fakes.sound import FakeSpeaker
from tests.unit.calls.rig import Carried, World, assert_well_told, carrying

_IDENTITIES = st.sampled_from([Identity("ada"), Identity("bob")])
_SIDS = st.sampled_from(["TR_1", "TR_2"])
Step = Callable[[Carried], None]


def room_step(event: RoomEvent) -> Step:
    def step(call: Carried) -> None:
        for bot in call.world.livekit.rooms[call.spec.room_name].bots.values():
            if isinstance(event, MediaClosed):
                bot.close(event.reason)
            else:
                bot.emit(event)

    return step


def model_step(act: Callable[[Carried], None]) -> Step:
    def step(call: Carried) -> None:
        if call.world.models.sessions:
            act(call)

    return step


def model_fails(failure: ModelFailure) -> Step:
    return model_step(lambda call: call.session.fail(ModelError(failure)))


def end(reason: EndReason) -> Step:
    def step(call: Carried) -> None:
        call.call.end(Ending(reason))

    return step


def cut(call: Carried) -> None:
    call.task.cancel()


ROOM_EVENTS: st.SearchStrategy[RoomEvent] = st.one_of(
    _IDENTITIES.map(lambda who: HumanJoined(who, who)),
    st.builds(HumanLeft, _IDENTITIES, st.sampled_from(LeaveReason)),
    st.builds(lambda sid, who: SpeakerStarted(FakeSpeaker(sid, who)), _SIDS, _IDENTITIES),
    _SIDS.map(SpeakerStopped),
    st.builds(MicrophoneMuted, _IDENTITIES, st.booleans()),
    st.just(OutputSubscribed()),
    st.just(MediaInterrupted()),
    st.just(MediaResumed()),
)
STEPS: st.SearchStrategy[Step] = st.one_of(
    ROOM_EVENTS.map(room_step),
    ROOM_EVENTS.map(room_step),
    st.sampled_from(
        [
            model_step(lambda call: call.session.answer(audio_ms=700)),
            model_step(lambda call: call.session.push(SpeechStarted("u", 0))),
            model_step(lambda call: call.session.push(SpeechStopped("u", 0))),
        ]
    ),
)
LAST_STEPS: st.SearchStrategy[Step] = st.one_of(
    st.sampled_from(LeaveReason).map(lambda reason: room_step(MediaClosed(reason))),
    st.sampled_from(ModelFailure).map(model_fails),
    st.sampled_from([EndReason.API_ENDED, EndReason.SERVER_DRAINING]).map(end),
    st.just(cut),
)
PAUSES_S = st.sampled_from([0.0, 0.0, 0.05, 0.5, 2.0, 3.0, 10.0, 20.0])


@given(
    steps=st.lists(st.tuples(STEPS, PAUSES_S), max_size=12),
    last_steps=st.lists(st.tuples(LAST_STEPS, st.sampled_from([0.0, 0.01, 1.0])), max_size=3),
    at_once=st.booleans(),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_happens_a_call_ends_once_and_tells_all_of_it(
    steps: list[tuple[Step, float]], last_steps: list[tuple[Step, float]], at_once: bool
) -> None:
    world = World()
    async with carrying(world) as call:
        for step, pause_s in (*steps, *last_steps):
            if call.call.is_over:
                break
            step(call)
            if not at_once:
                await world.clock.advance(pause_s)
        # Its own limits end it if nothing else does: nobody is there to end it by hand.
        for _ in range(30):
            await world.clock.advance(30)
            room = world.livekit.rooms.get(call.spec.room_name)
            if call.call.is_over or room is None:
                break
        await settle()
        assert call.call.is_over
    report = assert_well_told(world, call.spec)
    assert world.store.saved == [report]
    assert world.livekit.rooms == {}
    assert all(session.closed for session in world.models.sessions)
    assert report.media.played_ms <= report.media.received_ms + 1


@given(steps=st.lists(st.tuples(STEPS, PAUSES_S), max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_nothing_is_told_behind_the_end(steps: list[tuple[Step, float]]) -> None:
    world = World()
    async with carrying(world) as call:
        call.call.end(Ending(EndReason.SERVER_DRAINING))
        for step, pause_s in steps:
            if call.call.is_over:
                break
            step(call)
            await world.clock.advance(pause_s)
        await world.clock.advance(60)
    told = world.events.of(call.spec.connection_id)
    states = [event.kind for event in told if isinstance(event.kind, StateChanged)]
    assert isinstance(told[-1].kind, Ended)
    assert told[-2].kind == states[-1], "ENDED, and then its report"
