"""Domain values as messages, and messages as the JSON that gateways have always known."""

import json
from dataclasses import replace
from datetime import timedelta
from enum import Enum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.json_format import MessageToDict, MessageToJson

from bridge.api.requests import list_calls
from bridge.ids import Identity
from bridge.messages import convert, events
from bridge.ports.budget import Budget, LimitKind
from bridge.ports.call import (
    AgentState,
    CallState,
    CallView,
    Ending,
    EndReason,
    Fault,
    ParticipantView,
    StartPolicy,
)
from bridge.ports.event import (
    AgentStateChanged,
    CallEvent,
    ChatWritten,
    ControlApplied,
    ControlRefused,
    DtmfSent,
    Ended,
    EventKind,
    Interruption,
    InterruptionDismissed,
    LanguageSwitched,
    LimitNear,
    LinkState,
    MediaStateChanged,
    ModelStateChanged,
    ParticipantChange,
    ParticipantChanged,
    RecordingFinished,
    RecordingStarted,
    ResponseBegan,
    ResponseFinished,
    Resumption,
    Role,
    SilenceStepReached,
    StateChanged,
    ToolCalled,
    ToolFinished,
    Transcript,
    TurnAwaitsResponse,
    TurnMeasured,
    UserSpeech,
    Warned,
)
from bridge.ports.model_event import ResponseStatus
from bridge.ports.money import Cost
from bridge.ports.recording import Recorded, RecordingFormat, RecordingSource
from bridge.ports.report import (
    CallReport,
    Incident,
    LatencySummary,
    MediaTotals,
    SetupTimes,
    ToolTotals,
    Turn,
    TurnLatency,
)
from bridge.ports.telemetry import CallTelemetry, DirectionTelemetry, NetworkTelemetry
from bridge.ports.tool import ToolCallId, ToolStatus, ToolUse
from bridge.ports.usage import TokenCounts
from bridge.v1 import call_pb2, call_service_pb2, event_pb2, report_pb2, telemetry_service_pb2
from tests.fakes.agents import SPEC
from tests.fakes.money import PRICES

AT = SPEC.created_at
ADA = ParticipantView(Identity("caller-1"), "Ada", True, False, AT)
TOKENS = TokenCounts(1, 2, 3, 4, 5, 6, 7, 8)
VIEW = CallView(
    SPEC,
    "host-a",
    CallState.ENDED,
    AgentState.LISTENING,
    Ending(EndReason.MODEL_LOST, "1006"),
    joined_at=AT,
    ended_at=AT + timedelta(seconds=9),
    active_duration_s=9,
    participants=(ADA,),
    usage=TOKENS,
    last_sequence=12,
    model_session_ids=("sess_1",),
)
USE = ToolUse(ToolCallId("call_1"), "weather", ToolStatus.TIMED_OUT, "timeout", 10.5, "queue full")
LATENCY = TurnLatency(0.12, 0.08, 0.03, 0.02)
RECORDED = Recorded("file:///r/call-1.ogg", RecordingFormat.OGG_OPUS, 9.5, 77, 2, 0.25, True)
REPORT = CallReport(
    view=VIEW,
    complete=True,
    setup=SetupTimes(room_s=0.01, first_agent_audio_s=1.5),
    turns=(Turn(1, AT, "Hello?", "Hi.", 800.5, True, LATENCY, TOKENS, (USE,)),),
    turn_latency=LatencySummary(1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    user_talk_s=3.5,
    media=MediaTotals(1000, 20, 900, 800, 100, 1, 2, 3, 4, 5, 6, 7),
    incidents=(Incident(AT, "code", "message"),),
    tools=ToolTotals(4, 3, 2, 1),
    recordings=(RECORDED,),
)
EVERY_KIND: dict[str, EventKind] = {
    "state_changed": StateChanged(CallState.ACTIVE, CallState.WAITING),
    "participant_changed": ParticipantChanged(ParticipantChange.JOINED, ADA),
    "media_state_changed": MediaStateChanged(LinkState.READY),
    "model_state_changed": ModelStateChanged(LinkState.READY, "sess_1"),
    "agent_state_changed": AgentStateChanged(AgentState.SPEAKING),
    "user_speech": UserSpeech(False, None, "u1"),
    "transcript": Transcript("i1", Role.AGENT, "Hi.", final=True),
    "response_started": ResponseBegan("r1", greeting=True),
    "response_finished": ResponseFinished("r1", ResponseStatus.FAILED, TOKENS, "code"),
    "tool_called": ToolCalled(ToolCallId("call_1"), "weather", "r1", '{"city":"Paris"}'),
    "tool_finished": ToolFinished(USE),
    "interruption": Interruption("i1", 420, 1000, 0.0015, "Hi, I"),
    "control_applied": ControlApplied("c1", "Say"),
    "control_refused": ControlRefused("c2", "UpdateAgent", "voice_is_fixed", "too late"),
    "chat_received": ChatWritten(Identity("ada"), "Hello?"),
    "silence_step": SilenceStepReached(2, ends_call=True),
    "language_switched": LanguageSwitched("es-MX", "en"),
    "dtmf_sent": DtmfSent("12#"),
    "interruption_dismissed": InterruptionDismissed("u1", 1.25),
    "turn_awaits_response": TurnAwaitsResponse("u1"),
    "turn_measured": TurnMeasured(3, LATENCY),
    "recording_started": RecordingStarted("file:///r/call-1.wav", RecordingFormat.WAV),
    "recording_finished": RecordingFinished(RECORDED),
    "warning": Warned("code", "message"),
    "limit_warning": LimitNear(LimitKind.CALL_COST, 0.85),
    "ended": Ended(REPORT),
}


def event(kind: EventKind) -> event_pb2.CallEvent:
    return events.event(CallEvent(SPEC.connection_id, 7, AT, 1.25, kind))


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
    assert _parts_ms(turn.latency_parts) == [120, 80, 30, 20]
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
    assert _parts_ms(measured.latency_parts) == [120, 80, 30, 20]


def test_an_unanswered_turn_has_no_latency() -> None:
    (turn,) = convert.report(replace(REPORT, turns=(replace(REPORT.turns[0], latency=None),))).turns
    assert not turn.HasField("latency")
    assert not turn.HasField("latency_parts")


def _parts_ms(parts: report_pb2.TurnLatency) -> list[int]:
    spans = (parts.endpointing, parts.model, parts.transport, parts.playout)
    return [span.ToMilliseconds() for span in spans]


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


def test_a_limit_that_comes_near_is_told_with_its_name() -> None:
    warning = event(EVERY_KIND["limit_warning"]).limit_warning
    assert (warning.limit, warning.used) == (event_pb2.LIMIT_KIND_CALL_COST, 0.85)
    assert not warning.HasField("remaining")
    warning = event(LimitNear(LimitKind.DURATION, 0.9, 60.0)).limit_warning
    assert warning.limit == event_pb2.LIMIT_KIND_DURATION
    assert warning.remaining.ToSeconds() == 60


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


def test_json_of_a_created_room_has_the_names_gateways_know() -> None:
    response = call_service_pb2.CreateRoomResponse(
        connection_id="c", room_name="r", server_url="u", status="created"
    )
    response.access_token = "t"  # noqa: S105 - a letter
    assert json.loads(MessageToJson(response)) == {
        "connectionId": "c",
        "roomName": "r",
        "accessToken": "t",
        "serverUrl": "u",
        "status": "created",
    }


def test_json_of_a_status_prints_what_is_false() -> None:
    response = call_service_pb2.GetConnectionStatusResponse(
        connection_id="c",
        room_name="r",
        participant_id="p",
        is_active=False,
        is_ai_ready=False,
        agent_id="a",
    )
    response.created_at.FromDatetime(AT)
    response.last_activity.FromDatetime(AT)
    shown = json.loads(MessageToJson(response))
    assert list(shown) == [
        *("connectionId", "roomName", "participantId", "isActive", "isAIReady"),
        *("agentId", "createdAt", "lastActivity"),
    ]
    assert (shown["isActive"], shown["isAIReady"]) == (False, False)


def test_json_of_stats_prints_zeros_as_numbers() -> None:
    response = telemetry_service_pb2.GetStatsResponse(active_rooms=0, active_connections=0)
    response.timestamp.FromDatetime(AT)
    shown = json.loads(MessageToJson(response))
    assert (shown["activeRooms"], shown["activeConnections"]) == (0, 0)
    assert "timestamp" in shown


def test_no_state_is_left_out_of_the_filters() -> None:
    states = [value for value in call_pb2.CallState.values() if value]
    calls, _ = list_calls(call_service_pb2.ListCallsRequest(states=states))
    assert calls.states == set(CallState)
