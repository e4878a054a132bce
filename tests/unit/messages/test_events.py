"""What watchers are told of each event."""

from dataclasses import replace

import pytest
from google.protobuf.json_format import MessageToDict

from bridge.ids import Identity
from bridge.ports.budget import LimitKind
from bridge.ports.call import (
    CallState,
)
from bridge.ports.event import (
    EventKind,
    LimitNear,
    LinkState,
    ModelStateChanged,
    Resumption,
    Role,
    StateChanged,
    Transcript,
    TurnMeasured,
)
from bridge.v1 import call_pb2, event_pb2
from tests.unit.messages.samples import EVERY_KIND, LATENCY, event, parts_ms


def test_every_kind_of_event_exists_on_both_sides() -> None:
    kinds = event_pb2.CallEvent.DESCRIPTOR.oneofs_by_name["kind"].fields
    assert {field.name for field in kinds} == set(EVERY_KIND)
    assert {type(kind) for kind in EVERY_KIND.values()} == set(EventKind.__args__)


@pytest.mark.parametrize(("name", "kind"), EVERY_KIND.items(), ids=str)
def test_every_kind_of_event_is_told(name: str, kind: EventKind) -> None:
    message = event(kind)
    assert message.WhichOneof("kind") == name
    assert (message.connection_id, message.sequence) == ("call-1", 7)
    assert message.call_offset.ToMilliseconds() == 1250
    assert MessageToDict(message)[name_in_json(name)], "nothing of it is lost in JSON"


def name_in_json(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def test_events_carry_what_happened() -> None:
    assert event(EVERY_KIND["state_changed"]).state_changed.previous == call_pb2.CALL_STATE_WAITING
    first = event(StateChanged(CallState.CREATED, None)).state_changed
    assert first.previous == call_pb2.CALL_STATE_UNSPECIFIED
    stopped = event(EVERY_KIND["interruption"]).interruption
    assert (stopped.heard_ms, stopped.received_ms) == (420, 1000)
    assert stopped.stop_latency.ToMicroseconds() == 1500
    assert stopped.heard_text == "Hi, I"
    dismissed = event(EVERY_KIND["interruption_dismissed"]).interruption_dismissed
    assert (dismissed.item_id, dismissed.paused.ToMilliseconds()) == ("u1", 1250)
    silent = MessageToDict(event(EVERY_KIND["user_speech"]))["userSpeech"]
    assert silent == {"speaking": False, "itemId": "u1"}
    assert event(EVERY_KIND["ended"]).ended.report.complete


def test_a_transcript_says_how_sure_it_is_where_that_is_known() -> None:
    words = Transcript("u1", Role.USER, "Hello.", final=True)
    assert not event(words).transcript.HasField("confidence")
    assert event(replace(words, confidence=0.0)).transcript.HasField("confidence")
    assert event(replace(words, confidence=0.75)).transcript.confidence == 0.75


def test_a_transcript_says_whose_words_they_are_and_when_they_were_said() -> None:
    words = Transcript("i1", Role.AGENT, "Hel", final=True)
    unknown = event(words).transcript
    assert not unknown.HasField("start_offset")
    assert not unknown.HasField("end_offset")
    assert unknown.participant_identity == ""
    told = event(
        replace(
            words,
            speaker=Identity("bot-1"),
            start_offset_s=1.5,
            end_offset_s=2.25,
            interrupted=True,
        )
    ).transcript
    offsets = (told.start_offset.ToMilliseconds(), told.end_offset.ToMilliseconds())
    assert offsets == (1500, 2250)
    assert told.participant_identity == "bot-1"
    assert told.interrupted


def test_a_session_that_goes_on_tells_what_that_took() -> None:
    resumed = ModelStateChanged(LinkState.RESUMED, "sess_2", Resumption(0.25, 0.0, 12))
    told = event(resumed).model_state_changed
    assert (told.state, told.session_id) == (event_pb2.LINK_STATE_RESUMED, "sess_2")
    assert (told.gap.ToMilliseconds(), told.replayed_items) == (250, 12)
    assert told.HasField("lost_audio"), "that nothing was lost is known"
    assert not event(EVERY_KIND["model_state_changed"]).model_state_changed.HasField("gap")


def test_a_measured_turn_is_told_with_the_parts_of_its_latency() -> None:
    measured = event(TurnMeasured(3, LATENCY)).turn_measured
    assert (measured.turn, measured.latency.ToMilliseconds()) == (3, 250)
    assert parts_ms(measured.latency_parts) == [120, 80, 30, 20]


def test_a_limit_that_comes_near_is_told_with_its_name() -> None:
    warning = event(EVERY_KIND["limit_warning"]).limit_warning
    assert (warning.limit, warning.used) == (event_pb2.LIMIT_KIND_CALL_COST, 0.85)
    assert not warning.HasField("remaining")
    warning = event(LimitNear(LimitKind.DURATION, 0.9, 60.0)).limit_warning
    assert warning.limit == event_pb2.LIMIT_KIND_DURATION
    assert warning.remaining.ToSeconds() == 60
