"""One value of each kind, all that it may hold set."""

from datetime import timedelta

from bridge.ids import Identity
from bridge.messages import events
from bridge.ports.budget import LimitKind
from bridge.ports.call import (
    AgentState,
    CallState,
    CallView,
    Ending,
    EndReason,
    ParticipantView,
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
from bridge.ports.recording import Recorded, RecordingFormat
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
from bridge.ports.tool import ToolCallId, ToolStatus, ToolUse
from bridge.ports.usage import TokenCounts
from bridge.v1 import event_pb2, report_pb2
from tests.fakes.agents import SPEC

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


def parts_ms(parts: report_pb2.TurnLatency) -> list[int]:
    spans = (parts.endpointing, parts.model, parts.transport, parts.playout)
    return [span.ToMilliseconds() for span in spans]
