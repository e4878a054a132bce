"""Domain values as messages, and messages as the JSON that gateways have always known."""

from dataclasses import replace
from enum import Enum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from bridge.api.requests import list_calls
from bridge.messages import convert
from bridge.ports.budget import Budget, LimitKind
from bridge.ports.call import (
    AgentState,
    CallState,
    EndReason,
    Fault,
    StartPolicy,
)
from bridge.ports.event import (
    LinkState,
    ParticipantChange,
    ResponseFinished,
    Role,
)
from bridge.ports.model_event import ResponseStatus
from bridge.ports.money import Cost
from bridge.ports.recording import RecordingFormat, RecordingSource
from bridge.ports.telemetry import CallTelemetry, DirectionTelemetry, NetworkTelemetry
from bridge.ports.tool import ToolStatus
from bridge.v1 import call_pb2, call_service_pb2, event_pb2, report_pb2
from tests.fakes.agents import SPEC
from tests.fakes.money import PRICES
from tests.unit.messages.samples import AT, EVERY_KIND, REPORT, TOKENS, VIEW, event, parts_ms


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (CallState, call_pb2.CallState, "CALL_STATE_"),
        (AgentState, call_pb2.AgentState, "AGENT_STATE_"),
        (StartPolicy, call_pb2.StartPolicy, "START_POLICY_"),
        (EndReason, call_pb2.EndReason, "END_REASON_"),
        (Fault, call_pb2.EndFault, "END_FAULT_"),
        (ParticipantChange, event_pb2.ParticipantChange, "PARTICIPANT_CHANGE_"),
        (LinkState, event_pb2.LinkState, "LINK_STATE_"),
        (Role, event_pb2.TranscriptRole, "TRANSCRIPT_ROLE_"),
        (ResponseStatus, event_pb2.ResponseStatus, "RESPONSE_STATUS_"),
        (LimitKind, event_pb2.LimitKind, "LIMIT_KIND_"),
        (ToolStatus, report_pb2.ToolStatus, "TOOL_STATUS_"),
        (RecordingSource, report_pb2.RecordingSource, "RECORDING_SOURCE_"),
        (RecordingFormat, call_pb2.RecordingFormat, "RECORDING_FORMAT_"),
    ],
)
def test_every_value_exists_on_both_sides(
    ours: type[Enum], theirs: EnumTypeWrapper, prefix: str
) -> None:
    assert {f"{prefix}{value.name}" for value in ours} == set(theirs.keys()) - {
        f"{prefix}UNSPECIFIED"
    }


def test_report_holds_everything() -> None:
    message = convert.report(REPORT)
    assert message.call.end_reason == call_pb2.END_REASON_MODEL_LOST
    assert message.call.end_fault == call_pb2.END_FAULT_MODEL
    assert message.call.end_detail == "1006"
    assert message.setup.room.ToMilliseconds() == 10
    assert not message.setup.HasField("join")
    (turn,) = message.turns
    assert (turn.user_text, turn.agent_text, turn.interrupted) == ("Hello?", "Hi.", True)
    assert turn.agent_heard.ToMicroseconds() == 800_500
    assert turn.latency.ToMilliseconds() == 250
    assert parts_ms(turn.latency_parts) == [120, 80, 30, 20]
    assert message.turn_latency.p99.ToMilliseconds() == 500
    assert message.talk_time.user.ToMilliseconds() == 3500
    assert message.talk_time.agent.ToMilliseconds() == 800
    media = message.media
    spans = (media.audio_in, media.dropped_in, media.audio_out, media.played_out)
    assert [span.ToMilliseconds() for span in spans] == [1000, 20, 900, 800]
    assert (media.underruns, media.interruptions, media.media_reconnects) == (1, 2, 3)
    assert (media.packets_in, media.packets_lost_in) == (4, 5)
    assert (media.packets_out, media.packets_lost_out) == (6, 7)
    assert [incident.code for incident in message.incidents] == ["code"]
    (recording,) = message.recordings
    assert (recording.uri, recording.bytes, recording.channels) == ("file:///r/call-1.ogg", 77, 2)
    assert recording.format == call_pb2.RECORDING_FORMAT_OGG_OPUS
    assert recording.duration.ToMilliseconds() == 9500
    assert recording.lost.ToMilliseconds() == 250
    assert recording.complete
    assert recording.source == report_pb2.RECORDING_SOURCE_BRIDGE
    usage = message.call.usage
    assert [value for _, value in usage.ListFields()] == list(range(1, 9))


def test_an_unanswered_turn_has_no_latency() -> None:
    (turn,) = convert.report(replace(REPORT, turns=(replace(REPORT.turns[0], latency=None),))).turns
    assert not turn.HasField("latency")
    assert not turn.HasField("latency_parts")


def test_costs_are_told_wherever_they_are_known_and_left_out_where_not() -> None:
    priced = replace(VIEW, spec=replace(SPEC, prices=PRICES))
    message = convert.report(replace(REPORT, view=priced))
    assert message.cost == message.call.cost
    assert (message.cost.currency, message.cost.price_version) == ("USD", "v1")
    assert message.cost.micro_units == PRICES.cost(TOKENS).micro_units > 0
    turn = replace(REPORT.turns[0], cost=Cost(0, "USD", "v1"))
    free = convert.report(replace(REPORT, turns=(turn,))).turns[0]
    assert free.cost.HasField("micro_units"), "nothing was charged, and that is known"
    finished = ResponseFinished("r1", ResponseStatus.COMPLETED, TOKENS, "", Cost(5, "USD", "v1", 2))
    told = event(finished).response_finished.cost
    assert (told.micro_units, told.transcription_micro_units) == (5, 2)
    unknown = convert.report(REPORT)
    assert not unknown.HasField("cost")
    assert not unknown.call.HasField("cost")
    assert not unknown.turns[0].HasField("cost")
    assert not event(EVERY_KIND["response_finished"]).response_finished.HasField("cost")


def test_a_call_shows_its_budget_as_far_as_it_has_one() -> None:
    limited = replace(VIEW, spec=replace(SPEC, budget=Budget(max_micro_units=7)))
    budget = convert.call(limited).budget
    assert budget.max_micro_units == 7
    assert not budget.HasField("max_tokens")
    free = replace(VIEW, spec=replace(SPEC, budget=Budget()))
    assert not convert.call(free).HasField("budget")


def test_live_call_has_no_end() -> None:
    message = convert.call(replace(VIEW, state=CallState.ACTIVE, ending=None, ended_at=None))
    assert message.end_reason == call_pb2.END_REASON_UNSPECIFIED
    assert not message.HasField("end_time")
    assert not message.HasField("model_ready_time")


def test_report_without_answers_has_no_latency() -> None:
    assert not convert.report(replace(REPORT, turn_latency=None)).HasField("turn_latency")


def test_telemetry_holds_everything() -> None:
    message = convert.telemetry(
        CallTelemetry(
            connection_id=SPEC.connection_id,
            tenant_id=SPEC.tenant_id,
            at=AT,
            interval_s=0.5,
            state=CallState.ACTIVE,
            agent_state=AgentState.SPEAKING,
            uplink=DirectionTelemetry(-20, -10, 500, 3, 4),
            speakers=2,
            downlink=DirectionTelemetry(-30, -15, 400, 60, 5),
            underruns=1,
            playout_position_ms=1234,
            network=NetworkTelemetry(50, 51, 1, 2, None, 3.5),
            model_round_trip_ms=None,
            turn_latency_ms=420,
            first_audio_ms=300,
            loop_lag_s=0.04,
            usage=TOKENS,
            cost=Cost(5, "USD", "v1"),
        )
    )
    assert message.interval.ToMilliseconds() == 500
    assert (message.uplink.level_dbfs, message.uplink.peak_dbfs) == (-20, -10)
    assert (message.uplink.queue_ms, message.uplink.dropped_ms, message.uplink.speakers) == (
        3,
        4,
        2,
    )
    assert (message.downlink.audio_ms, message.downlink.queue_ms) == (400, 60)
    assert (message.downlink.underruns, message.downlink.playout_position_ms) == (1, 1234)
    assert not message.network.HasField("jitter_ms")
    assert message.network.round_trip_ms == 3.5
    assert not message.model.HasField("round_trip_ms")
    assert (message.model.turn_latency_ms, message.model.first_audio_ms) == (420, 300)
    assert message.model.cost.micro_units == 5
    assert message.loop_lag.ToMilliseconds() == 40


def test_no_state_is_left_out_of_the_filters() -> None:
    states = [value for value in call_pb2.CallState.values() if value]
    calls, _ = list_calls(call_service_pb2.ListCallsRequest(states=states))
    assert calls.states == set(CallState)
